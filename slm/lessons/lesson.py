"""A lesson as values: steps of words, each with at most one view, guess, claim or run."""

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from slm.lessons.views import View

StepKind = Literal["text", "view", "guess", "claim", "run", "reveal"]
KINDS: tuple[StepKind, ...] = get_args(StepKind)
MOST_WORDS = 60
"""Words of a step."""


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number to be guessed, from `low` to `high` in steps of `step`."""

    low: float
    high: float
    step: float = 1.0
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class Guess:
    """A guess asked of the reader: one of `choices`, a `number`, or a token of the step's view.

    The answer is written in the lesson (`answer`: a choice, or a number), or `computed` on the model
    that is shown, by a name of `slm.lessons.answers`, from `given`.
    """

    choices: tuple[str, ...] = ()
    number: Number | None = None
    token: bool = False
    answer: str | float | None = None
    computed: str = ""
    given: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step: its `kind`, its `words`, a teacher's `note`, and what it shows or asks.

    `claim` names a claim of `slm.lessons.claims`, `run` a piece of work of `slm.lessons.works`.
    A reveal tells the answer of the last guess before it. `model` is the address that this step is shown on
    instead of the lesson's; `line` is where it stands in the file.
    """

    kind: StepKind
    words: str
    note: str = ""
    view: View | None = None
    guess: Guess | None = None
    claim: str = ""
    run: str = ""
    model: str = ""
    line: int = 0


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """A lesson: one question, some steps. `run` is the bundled run it is made for.

    `name` is that of its file. `first_seen` says where the field saw it first; `alone` is what to try
    alone, on the page `page`.
    """

    name: str
    question: str
    minutes: int
    steps: tuple[Step, ...]
    run: str = ""
    alone: str = ""
    page: str = ""
    first_seen: str = ""
    about: str = ""

    def guess_before(self, at: int) -> int | None:
        """Return the last step before `at` with a guess; None where there is none."""
        asks = (place for place in reversed(range(at)) if self.steps[place].guess is not None)
        return next(asks, None)
