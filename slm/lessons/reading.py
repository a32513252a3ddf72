"""Reading lessons from their files: what is wrong with one is a line with file, line and rule.

A lesson is one YAML file. Ours ship in `texts/`; a teacher's lie in `$SLM_LESSONS`, or in `lessons/`
beside the runs. docs/lessons.md tells the format.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from slm.errors import BadInput, shown
from slm.glossary import Term, lookup
from slm.lessons.answers import ANSWERS
from slm.lessons.claims import CLAIMS
from slm.lessons.lesson import KINDS, MOST_WORDS, Guess, Lesson, Number, Step, StepKind
from slm.lessons.rules import Rules
from slm.lessons.views import VIEWS, View, view_of
from slm.lessons.works import WORKS
from slm.reading import read_text, typed
from slm.runs import DEFAULT_RUN, Address, list_runs, resolve, runs_dir
from slm.yaml_files import Placed, read_placed

OURS = Path(__file__).with_name("texts")
TERM = re.compile(r"\[\[([^\[\]|]+)(?:\|([^\[\]|]+))?\]\]")
"""A term of the glossary in a lesson's words: `[[induction head]]`, or `[[induction head|heads]]`."""
PAGES = ("attention", "compare", "grading", "grid", "heads", "knowledge", "memorization", "neurons",
         "predictions", "roles", "train", "writing")  # fmt: skip
CHOICES = (2, 6)
LARGEST_FILE = 200_000
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")


def own_folder() -> Path:
    """Return the folder of a teacher's lessons: `$SLM_LESSONS`, or `lessons/` beside the runs."""
    return Path(os.environ.get("SLM_LESSONS") or runs_dir().parent / "lessons")


def files() -> list[Path]:
    """List every lesson file: shipped ones by number, then the teacher's by name."""
    own = own_folder()
    return [*sorted(OURS.glob("*.yaml")), *(sorted(own.glob("*.y*ml")) if own.is_dir() else [])]


@dataclass(frozen=True, kw_only=True)
class LessonFiles:
    """The lessons that can be read, and a line for each file that can't."""

    lessons: tuple[Lesson, ...]
    complaints: tuple[str, ...]


def lessons() -> LessonFiles:
    """Read every lesson. A teacher's file with the name of one of ours takes its place."""
    found: dict[str, Lesson] = {}
    complaints = []
    for path in files():
        try:
            lesson = _read(path, path.stat().st_mtime_ns)
            found[lesson.name] = lesson
        except (BadInput, OSError) as error:
            complaints.append(str(error))
    return LessonFiles(lessons=tuple(found.values()), complaints=tuple(complaints))


def lesson(name: str) -> Lesson:
    """Return the lesson called `name`; `BadInput` listing the lessons where there is none."""
    every = lessons().lessons
    for one in every:
        if one.name == name:
            return one
    raise BadInput(
        f"there is no lesson {shown(name)}; there are: {', '.join(o.name for o in every)}"
    )


def with_term(term: Term) -> Iterator[tuple[Lesson, int]]:
    """Yield each lesson that links a glossary term, with the first step that does."""
    for one in lessons().lessons:
        for at, step in enumerate(one.steps):
            if any(lookup(found[1]) is term for found in TERM.finditer(step.words)):
                yield one, at
                break


def shown_on(step: Step, address: str) -> str:
    """Return the address a step is shown on: the run it names where that exists, else `address`."""
    if not step.model:
        return address
    try:
        run, number = resolve(step.model)
    except BadInput:
        return address
    return str(Address(run.name, number))


def run_for(lesson: Lesson) -> str:
    """Choose the address a lesson is shown on: its own run, else the default run, else any.

    Raises `BadInput` where no run has a checkpoint.
    """
    there = [run.name for run in list_runs() if run.steps]
    asked = Address.parse(lesson.run).run if lesson.run else DEFAULT_RUN
    if asked in there:
        return lesson.run or asked
    if not there:
        raise BadInput("there is no trained model yet to show a lesson on")
    return DEFAULT_RUN if DEFAULT_RUN in there else there[0]


@cache
def _read(path: Path, changed: int) -> Lesson:
    """Read a lesson file, cached until it changes."""
    return read_lesson(path, read_text(path))


def read_lesson(path: Path, text: str) -> Lesson:
    """Parse a lesson file; its name is the file's, without a leading number.

    Raises `BadInput` in one line: the file, the line in it, and the rule.
    """
    name = re.sub(r"^\d+-", "", path.stem)
    if len(text) > LARGEST_FILE:
        raise BadInput(f"{path} line 1: a lesson has at most {LARGEST_FILE:,} characters")
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"{path} line 1: a lesson's file is named with a-z, 0-9 and -, not {shown(name)}"
        )
    return _Reader(str(path)).lesson(name, read_placed(str(path), text))


class _Reader(Rules):
    """Turns what stands in a file into a lesson, and complains with the line."""

    def lesson(self, name: str, whole: Placed) -> Lesson:
        """Parse a whole lesson file."""
        fields = self.object(whole, "a lesson", required=("question", "minutes", "steps"),
                             allowed=("run", "about", "alone", "page", "first_seen"))  # fmt: skip
        for given in ("alone", "about", "first_seen", "question"):
            if given in fields:
                self.terms(fields[given])
        minutes = self.a(int, fields["minutes"], "minutes")
        if not 1 <= minutes <= 30:
            self.fail(fields["minutes"].line, f"a lesson takes 1 to 30 minutes, not {minutes}")
        if "run" in fields:
            self.ruled(fields["run"], Address.parse)
        page = self.optional(fields, "page")
        if page and page not in PAGES:
            self.fail(
                fields["page"].line, f"a page is one of {', '.join(PAGES)}, not {shown(page)}"
            )
        steps = self.a(list, fields["steps"], "steps")
        if not steps:
            self.fail(fields["steps"].line, "a lesson has at least one step")
        found: list[Step] = []
        for step in steps:
            found.append(self.step(step, any(one.guess for one in found)))
        return Lesson(
            name=name,
            question=self.a(str, fields["question"], "question"),
            minutes=minutes,
            steps=tuple(found),
            run=self.optional(fields, "run"),
            about=self.optional(fields, "about"),
            alone=self.optional(fields, "alone"),
            page=page,
            first_seen=self.optional(fields, "first_seen"),
        )

    def step(self, step: Placed, guessed: bool) -> Step:
        """Parse a step; `guessed` says whether an earlier step asks for a guess."""
        given = self.a(dict, step, "a step")
        kinds = [kind for kind in KINDS if kind in given]
        if len(kinds) != 1:
            self.fail(
                step.line,
                f"a step has one of {', '.join(KINDS)}, not {' and '.join(kinds) or 'none'}",
            )
        kind = kinds[0]
        fields = self.object(step, f"a {kind} step", required=(kind, *_NEEDS[kind]),
                             allowed=(*_ANY, *_GUESSES * (kind == "guess")))  # fmt: skip
        words = self.a(str, fields[kind], kind).strip()
        if (count := len(_WORD.findall(words))) > MOST_WORDS:
            self.fail(fields[kind].line, f"a step has at most {MOST_WORDS} words, not {count}")
        self.terms(fields[kind])
        if kind == "reveal" and not guessed:
            self.fail(
                step.line, "a reveal tells the answer of a guess before it, and there is none"
            )
        view = self.view(fields)
        if "model" in fields:
            self.ruled(fields["model"], Address.parse)
        return Step(
            kind=kind,
            words=words,
            note=self.optional(fields, "note"),
            model=self.optional(fields, "model"),
            view=view,
            guess=self.guess(fields, view, step.line) if kind == "guess" else None,
            claim=self.one_of(fields["measure"], CLAIMS, "a claim") if kind == "claim" else "",
            run=self.one_of(fields["do"], WORKS, "a run") if kind == "run" else "",
            line=step.line,
        )

    def view(self, fields: dict[str, Placed]) -> View | None:
        """Parse the view of a step; None where it has none."""
        if "show" not in fields:
            if "with" in fields:
                self.fail(
                    fields["with"].line, "settings (with) are of a view (show), and there is none"
                )
            return None
        name = self.one_of(fields["show"], VIEWS, "a view")
        settings = fields.get("with")
        if settings is not None:
            self.a(dict, settings, "with")
        line = fields["show"].line if settings is None else settings.line
        given = {} if settings is None else settings.plain()
        try:
            return view_of(name, given)
        except BadInput as error:
            self.fail(self.line_of(settings, str(error)) or line, str(error))

    def line_of(self, settings: Placed | None, error: str) -> int | None:
        """Return the line of the setting that an error names; None where it names none."""
        there = {} if settings is None else settings.value
        for key, item in there.items():
            if repr(key) in error or re.search(rf": {re.escape(key)}\b", error):
                return int(item.line)
        return None

    def terms(self, placed: Placed) -> None:
        """Require every linked term to be in the glossary."""
        for found in TERM.finditer(placed.value if isinstance(placed.value, str) else ""):
            self.ruled(Placed(found[1], placed.line), lookup)

    def guess(self, fields: dict[str, Placed], view: View | None, line: int) -> Guess:
        """Parse a guess and its answer."""
        asked = [name for name in _GUESSES if name in fields]
        if len(asked) != 1:
            self.fail(
                line,
                f"a guess has one of choices, number, token, not {' and '.join(asked) or 'none'}",
            )
        answer, computed, given = self.answer(fields)
        choices: tuple[str, ...] = ()
        number = None
        if "choices" in fields:
            items = self.a(list, fields["choices"], "choices")
            choices = tuple(self.a(str, item, "a choice") for item in items)
            if not CHOICES[0] <= len(choices) <= CHOICES[1]:
                self.fail(
                    fields["choices"].line,
                    f"a guess has {CHOICES[0]} to {CHOICES[1]} choices, not {len(choices)}",
                )
            if len(set(choices)) < len(choices):
                self.fail(fields["choices"].line, "the choices of a guess differ")
            if not computed and answer not in choices:
                self.fail(
                    fields["answer"].line, f"the answer is one of the choices, not {shown(answer)}"
                )
        elif "number" in fields:
            number = self.number(fields["number"])
            if not computed and not isinstance(answer, float):
                self.fail(fields["answer"].line, f"the answer is a number, not {shown(answer)}")
        else:
            if fields["token"].value is not True:
                self.fail(fields["token"].line, "token: true asks for a token of the step's view")
            if view is None or not hasattr(view, "text"):
                self.fail(
                    line, "a token is guessed in a view with a text, and this step shows none"
                )
            if not computed:
                self.fail(line, "which token is the answer is computed: answer: {computed: …}")
        if computed:
            made = ANSWERS[computed]
            if made.of not in asked:
                self.fail(
                    fields["answer"].line,
                    f"the answer {computed!r} is a {made.of}, and the guess asks for {asked[0]}",
                )
        return Guess(choices=choices, number=number, token="token" in fields, answer=answer,
                     computed=computed, given=given)  # fmt: skip

    def answer(self, fields: dict[str, Placed]) -> tuple[str | float | None, str, dict[str, Any]]:
        """Parse an answer: its value, or the name and arguments of its computation."""
        placed = fields["answer"]
        if isinstance(placed.value, dict):
            if "computed" not in placed.value:
                self.fail(
                    placed.line,
                    "an answer that is no text or number has computed: and what it is of",
                )
            name = self.one_of(placed.value["computed"], ANSWERS, "a computed answer")
            given = {key: item.plain() for key, item in placed.value.items() if key != "computed"}
            made = ANSWERS[name]
            if given.keys() != made.needs:
                needed = ", ".join(sorted(made.needs)) or "nothing more"
                self.fail(
                    placed.line,
                    f"the answer {name!r} needs {needed}, not {', '.join(given) or 'nothing'}",
                )
            if "claim" in given:
                self.one_of(placed.value["claim"], CLAIMS, "a claim")
            return None, name, given
        if isinstance(placed.value, bool) or not isinstance(placed.value, str | int | float):
            self.fail(placed.line, "an answer is a text, a number, or {computed: …}")
        return (placed.value if isinstance(placed.value, str) else float(placed.value)), "", {}

    def number(self, placed: Placed) -> Number:
        """Parse the range of a guessed number."""
        fields = self.object(placed, "a number", required=("low", "high"), allowed=("step", "unit"))
        found = self.ruled(Placed({k: v.plain() for k, v in fields.items()}, placed.line),
                           lambda data: typed(Number, data, "a number"))  # fmt: skip
        if not found.low < found.high or not 0 < found.step <= found.high - found.low:
            self.fail(
                placed.line,
                "a number lies between low and high, and its step is smaller than both apart",
            )
        return found


_ANY = ("note", "model", "show", "with")
_GUESSES = ("choices", "number", "token")
_NEEDS: dict[StepKind, tuple[str, ...]] = {
    "text": (),
    "view": ("show",),
    "guess": ("answer",),
    "claim": ("measure",),
    "run": ("do",),
    "reveal": (),
}
