"""The Lessons page: every lesson goes through on the bundled runs, a step at a time, by its link.

Its claims are measured here, once: that each holds on its run, or is known to fail, is asserted here.
"""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.views.lessons.drawing import DRAW
from slm.lessons.lesson import Lesson, Step
from slm.lessons.reading import OURS, lessons, run_for, shown_on
from slm.lessons.views import VIEWS
from tests.app.conftest import Open, said, settled
from tests.lessons.test_claims import NOT_TRAINED_YET

ROOT = Path(__file__).resolve().parents[3]
NAMES = [path.stem.split("-", 1)[1] for path in sorted(OURS.glob("*.yaml"))]
FAILS = {("semantic head", "one-layer"), ("it recites", "nursery-20000")}
"""What the bundled runs do not show; their lessons say so."""
HOSTILE = """question: What is <b>this</b>?
minutes: 3
about: "[link](http://x) :skull:"
steps:
- text: "**Bold** and <img src=x onerror=alert(1)> and [link](http://x) and [[logit lens|a lens]]."
  note: "Tell them :fire: *this*."
- guess: Which?
  choices: ["<script>alert(1)</script>", "[b](http://y)"]
  answer: "[b](http://y)"
- reveal: So.
"""


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A teacher's folder."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("SLM_LESSONS", str(folder))
    return folder


def press(app: AppTest, key: str) -> AppTest:
    return settled(app.button(key=key).click().run())


def keys(app: AppTest) -> set[str]:
    return {button.key for button in app.button if button.key}


def expected(lesson: Lesson, step: Step) -> str:
    """The verdict on a step's claim about the bundled run that it is shown on."""
    if step.claim in NOT_TRAINED_YET:
        return "not measured"
    run = shown_on(step, run_for(lesson)).partition("@")[0]
    return "does not hold" if (step.claim, run) in FAILS else "holds"


def test_every_view_can_be_drawn() -> None:
    assert set(DRAW) == set(VIEWS.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_goes_through_on_the_bundled_runs(
    name: str, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLM_RUNS", str(ROOT / "runs"))
    app = settled(open_page("lessons", lesson=name))
    (lesson,) = [one for one in lessons().lessons if one.name == name]
    for at, step in enumerate(lesson.steps):
        assert not app.exception and not app.error, (name, at + 1, [e.value for e in app.error])
        assert f"Step {at + 1} of {len(lesson.steps)}" in [
            bar.proto.text for bar in app.get("progress")
        ]
        if step.guess is not None:
            guess = f"lessons-choice-{at}-1" if step.guess.choices else f"lessons-guess-{at}"
            press(app, guess)
            assert "Your guess" in "".join(box.value for box in app.success)
        if step.kind == "claim":
            boxes = {"holds": app.success, "does not hold": app.warning, "not measured": app.info}
            told = [(verdict, box.value) for verdict in boxes for box in boxes[verdict]]
            assert any(
                verdict == expected(lesson, step) and ("against" in words or "here" in words)
                for verdict, words in told
            ), told
        press(app, "lessons-next")
    assert not app.exception and "lessons-begin-induction" in keys(app)


SETTINGS: dict[str, str] = {
    "surprisal": "{text: Amy had a ball.}",
    "without heads": "{text: Amy had a, word: ball}",
    "attention": "{text: Amy had a ball., head: names, show: map}",
    "query and key words": "{text: Amy had a ball. The ball and the boat., queries: [the], keys: [ball]}",
    "neuron": "{neuron: random, places: 2}",
    "checkpoints": "{start: last}",
    "ending": "{story: 0}",
    "shapes": "{prompt: One day}",
}


@pytest.mark.parametrize("view", SETTINGS)
def test_a_view_is_drawn_on_any_model_or_says_why_not(
    view: str, open_page: Open, two_runs: Path, own: Path
) -> None:
    text = f"question: A?\nminutes: 1\nsteps:\n- view: Look.\n  show: {view}\n  with: {SETTINGS[view]}\n"
    (own / "mine.yaml").write_text(text, encoding="utf-8")
    app = settled(open_page("lessons", a="tiny", lesson="mine"))
    assert not app.exception and not app.error
    drawn = [*app.get("plotly_chart"), *app.get("bidi_component"), *app.info, *app.select_slider]
    assert drawn or "Written by tiny" in said(app)


def test_the_catalogue_begins_a_lesson_on_its_run(open_page: Open, two_runs: Path) -> None:
    app = open_page("lessons")
    press(app, "lessons-begin-induction")
    assert app.query_params["lessons.lesson"] in ("induction", ["induction"])
    assert app.query_params["lessons.step"] in ("1", ["1"])
    assert app.session_state["model.a"].address == "other@0"  # the run it is made for is not here


def test_a_link_opens_its_step_and_back_goes_one_back(open_page: Open, two_runs: Path) -> None:
    app = open_page("lessons", lesson="induction", step=3)
    assert "none with Dorvin" in said(app)
    press(app, "lessons-back")
    assert app.query_params["lessons.step"] in ("2", ["2"])
    for beyond in ("99", "0", "-1", "x", "²"):
        assert not open_page("lessons", lesson="induction", step=beyond).exception


def test_a_guess_stays_beside_the_answer(open_page: Open, two_runs: Path) -> None:
    app = open_page("lessons", a="tiny", lesson="induction", step=2)
    press(app, "lessons-more-1")
    press(app, "lessons-guess-1")
    assert "Your guess: 55 %" in [box.value for box in app.success]
    press(app, "lessons-next")
    assert "You guessed" in said(app) and "## 55 %" in said(app) and "tiny@10 says" in said(app)


def test_an_unknown_lesson_is_a_line_above_the_catalogue(open_page: Open, two_runs: Path) -> None:
    app = open_page("lessons", lesson="<b>nothing")
    assert not app.exception and "There is no lesson '<b>nothing'" in said(app)
    assert "lessons-begin-induction" in keys(app)


def test_a_teachers_lesson_is_text_and_nothing_else(
    open_page: Open, two_runs: Path, own: Path
) -> None:
    (own / "mine.yaml").write_text(HOSTILE, encoding="utf-8")
    (own / "bad.yaml").write_text("steps: 3\n", encoding="utf-8")
    app = open_page("lessons")
    assert f"{own / 'bad.yaml'} line 1: a lesson needs question" in said(app)
    press(app, "lessons-begin-mine")
    written = "".join(one.value for one in app.markdown)
    assert "**Bold**" in written and "\\<img" in written and "](http" not in written
    assert "**[a lens](/glossary?term=logit-lens)**" in written
    press(app, "lessons-next")
    labels = [button.label for button in app.button if button.key and "choice" in button.key]
    assert labels[0].startswith("\\<script") and "](http" not in labels[1]


def test_the_presenter_sees_the_notes_and_others_do_not(open_page: Open, two_runs: Path) -> None:
    note = "Let the class invent a name"
    app = open_page("lessons", lesson="induction")
    assert note not in said(app)
    app.toggle(key="lessons.presenter").set_value(True).run()
    assert note in said(app)
    assert note in said(open_page("lessons", lesson="induction", presenter="true"))


def test_without_any_model_a_lesson_says_how_to_get_one(open_page: Open, runs: Path) -> None:
    app = open_page("lessons", lesson="induction")
    assert not app.exception and app.code[0].value.startswith("python -m slm train --name")


def test_another_page_leads_back_to_the_step(open_page: Open, two_runs: Path) -> None:
    app = open_page("lessons", lesson="induction", step=4)
    app.query_params.clear()
    app.switch_page("../pages/heads.py").run()
    (link,) = [one for one in app.get("page_link") if "Back to the lesson" in one.proto.label]
    assert link.proto.label == "Back to the lesson, step 4"
    assert "lesson=induction" in link.proto.query_string and "step=4" in link.proto.query_string
