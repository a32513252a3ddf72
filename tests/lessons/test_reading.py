"""A lesson is read from its file, or refused in one line with file, line and rule."""

from pathlib import Path

import pytest

from slm.errors import BadInput
from slm.lessons import reading
from slm.lessons.answers import ANSWERS
from slm.lessons.claims import CLAIMS
from slm.lessons.lesson import MOST_WORDS
from slm.lessons.reading import lesson, lessons, read_lesson, run_for
from slm.lessons.views import VIEWS, ShowAttention
from slm.lessons.works import WORKS
from slm.runs import Checkpoint
from tests.lessons.conftest import LESSON

FILE = Path("my/07-next.yaml")


def changed(old: str, new: str) -> str:
    assert old in LESSON
    return LESSON.replace(old, new, 1)


def refusal(text: str) -> str:
    with pytest.raises(BadInput) as error:
        read_lesson(FILE, text)
    return str(error.value)


def test_a_lesson_is_named_by_its_file_without_its_number() -> None:
    found = read_lesson(FILE, LESSON)
    assert (found.name, found.question, found.minutes) == ("next", "What comes next?", 3)
    assert [step.kind for step in found.steps] == ["text", "guess", "reveal"]
    assert found.steps[1].guess is not None and found.steps[1].guess.answer == "park"
    assert [step.line for step in found.steps] == [4, 5, 8]
    assert found.guess_before(2) == 1 and found.guess_before(1) is None


def test_a_view_has_its_settings() -> None:
    shown = "  show: attention\n  with: {text: A fox., head: induction}\n"
    found = read_lesson(FILE, LESSON + shown)
    assert found.steps[2].view == ShowAttention(text="A fox.", head="induction")


@pytest.mark.parametrize(
    ("text", "line", "rule"),
    [
        ("", 1, "it is empty"),
        ("- a\n- b\n", 1, "a lesson must be an object"),
        ("question: [\n", 2, "expected the node content"),
        ("a: &x 1\nb: *x\n", 2, "has the alias *x"),
        (changed("minutes: 3", "minutes: 3\nminutes: 4"), 3, "minutes stands twice"),
        (changed("minutes: 3", "minutes: long"), 2, "minutes must be a whole number, not 'long'"),
        (changed("minutes: 3", "minutes: 90"), 2, "a lesson takes 1 to 30 minutes, not 90"),
        (changed("minutes: 3\n", ""), 1, "a lesson needs minutes"),
        (changed("minutes", "colour: red\nminutes"), 2, "and no 'colour'"),
        (changed("minutes", "run: ../x\nminutes"), 2, "a run's name is 1 to 64 letters"),
        (changed("minutes", "page: nowhere\nminutes"), 2, "a page is one of"),
        (changed("- text", "- picture"), 4, "a step has one of text, view, guess, claim, run, reveal"),
        (changed("answer: park", "answer: tree"), 7, "the answer is one of the choices, not 'tree'"),
        (changed("[park, moon]", "[park]"), 6, "a guess has 2 to 6 choices, not 1"),
        (changed("[park, moon]", "[park, park]"), 6, "the choices of a guess differ"),
        (changed("  choices: [park, moon]\n", ""), 5, "a guess has one of choices, number, token"),
        (changed("choices: [park, moon]", "token: true"), 5, "a token is guessed in a view with a text"),
        (
            changed("choices: [park, moon]\n  answer: park", "number: {low: 9, high: 1}\n  answer: 3"),
            6,
            "a number lies between low and high",
        ),
        (changed("answer: park", "answer: {computed: magic}"), 7, "a computed answer is one of"),
        (
            changed("answer: park", "answer: {computed: the likeliest choice}"),
            7,
            "the answer 'the likeliest choice' needs text, not nothing",
        ),
        (
            changed("answer: park", "answer: {computed: number of tokens, text: a}"),
            7,
            "is a number, and the guess asks for choices",
        ),
        (changed("**next**", "[[mood]]"), 4, "the glossary has no term 'mood'"),
        (changed("the **next** token.", "word " * (MOST_WORDS + 1)), 4, "a step has at most 60 words"),
        (LESSON + "- claim: So it is.\n  measure: nothing\n", 9 + 1, "a claim is one of"),
        (LESSON + "- claim: So it is.\n", 9, "a claim step needs measure"),
        (LESSON + "- run: Train.\n  do: nothing\n", 10, "a run is one of"),
        (LESSON + "- view: Look.\n  show: nothing\n", 10, "a view is one of"),
        (
            LESSON + "- view: Look.\n  show: attention\n  with:\n    text: A\n    head: nose\n",
            13,
            "head must be one of",
        ),
        (
            LESSON + "- view: Look.\n  show: attention\n  with:\n    text: A\n    colour: red\n",
            13,
            "the view 'attention' has no setting 'colour'",
        ),
        (LESSON + "- view: Look.\n  show: attention\n", 10, "text is missing"),
        (LESSON + "- text: Look.\n  with: {a: 1}\n", 10, "settings (with) are of a view"),
        ("question: A\nminutes: 3\nsteps:\n- reveal: It.\n", 4, "a reveal tells the answer of a guess"),
        ("question: A\nminutes: 3\nsteps: []\n", 3, "a lesson has at least one step"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_file_line_and_rule(text: str, line: int, rule: str) -> None:
    told = refusal(text)
    assert told.startswith(f"{FILE} line {line}: ")
    assert rule in told and "\n" not in told


def test_hostile_text_is_text() -> None:
    found = read_lesson(FILE, changed("the **next** token", "<script>alert(1)</script>"))
    assert "<script>" in found.steps[0].words


def test_a_teachers_file_stands_beside_ours_and_a_bad_one_costs_a_line(folder: Path) -> None:
    (folder / "mine.yaml").write_text(LESSON, encoding="utf-8")
    (folder / "bad.yaml").write_text("question: What?\n", encoding="utf-8")
    found = lessons()
    assert "mine" in {one.name for one in found.lessons}
    (complaint,) = found.complaints
    assert complaint.startswith(f"{folder / 'bad.yaml'} line 1: ")


def test_a_file_that_was_changed_is_read_anew(folder: Path) -> None:
    path = folder / "mine.yaml"
    path.write_text(LESSON, encoding="utf-8")
    assert lesson("mine").minutes == 3
    path.write_text(changed("minutes: 3", "minutes: 5"), encoding="utf-8")
    assert lesson("mine").minutes == 5


def test_an_unknown_lesson_names_those_there_are() -> None:
    with pytest.raises(BadInput, match=r"no lesson 'x'; there are: .*induction"):
        lesson("x")


def test_our_lessons_are_whole() -> None:
    found = [
        read_lesson(path, path.read_text(encoding="utf-8")) for path in reading.OURS.glob("*.yaml")
    ]
    for one in found:
        guesses = [step for step in one.steps if step.guess]
        assert len(guesses) >= 2, one.name
        assert any(step.claim for step in one.steps), one.name
        assert 3 <= one.minutes <= 10 and one.about and one.alone and one.page and one.first_seen
        assert not lessons().complaints


def test_a_lesson_is_shown_on_its_run_or_on_one_that_is_there(
    checkpoint: Checkpoint, folder: Path
) -> None:
    (folder / "mine.yaml").write_text(changed("minutes", "run: tiny@0\nminutes"), encoding="utf-8")
    (folder / "other.yaml").write_text(changed("minutes", "run: gone\nminutes"), encoding="utf-8")
    assert run_for(lesson("mine")) == "tiny@0"
    assert run_for(lesson("other")) == "tiny"


def test_without_a_run_nothing_can_be_shown() -> None:
    with pytest.raises(BadInput, match="no trained model yet"):
        run_for(lesson("induction"))


def test_the_document_names_every_view_answer_and_claim_and_its_example_is_a_lesson() -> None:
    told = (reading.OURS.parents[2] / "docs" / "lessons.md").read_text(encoding="utf-8")
    for name in (*VIEWS, *ANSWERS, *CLAIMS, *WORKS):
        assert f"\n- `{name}`" in told, name
    example = told.split("```yaml\n")[1].split("```")[0]
    assert len(read_lesson(FILE, example).steps) == 5
