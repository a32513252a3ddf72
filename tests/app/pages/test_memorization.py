"""The memorization page: what to do without the text, a study that is kept, and any text."""

import threading
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.jobs import WORKING
from app.views.memorization.copied import underlined
from slm.memorization.suffix_index import Copy
from slm.runs import open_run
from slm.stories import nursery
from tests.app.conftest import ROOT, Open, figure_on, said, story_on, told_to_read
from tests.conftest import little_stories, write_corpus


@pytest.fixture
def unseen(tmp_path: Path) -> Path:
    """Stories that stand in no corpus here."""
    stories = [nursery.story(1, number).text[:160] + "." for number in range(6)]
    return write_corpus(tmp_path / "unseen.txt", stories)


def press_and_wait(app: AppTest) -> AppTest:
    """Begin what the page offers, wait for it, and look again."""
    next(button for button in app.button if str(button.key).startswith("begin-")).click().run()
    until = time.monotonic() + 60
    while any(thread.name == WORKING for thread in threading.enumerate()):
        assert time.monotonic() < until, "the work did not end"
        time.sleep(0.05)
    return app.run()


def test_pieces_of_a_copy_are_underlined_and_nothing_is_lost() -> None:
    text = 'Hi! "Don\'t go," said Tom.'
    shown = underlined(text, [Copy(start=1, stop=4, story=0)])  # don t go
    assert "".join(one.text for one in shown) == text
    assert [one.text for one in shown if one.marked] == [" \"Don't", ' go,"']
    assert {one.value for one in shown if one.marked} == {3}


def test_without_the_text_the_page_says_where_to_get_it(open_page: Open, two_runs: Path) -> None:
    app = told_to_read(open_page("memorization", a="tiny", corpus="gone.txt"))
    assert not app.exception and not app.error
    assert "there is no file 'gone.txt'" in said(app)
    assert "tiny@10 says it was trained on nursery" in said(app)
    assert "Name where it lies on this machine" in said(app)
    app.button(key="instead-other").click().run()
    assert "other@0 says it was trained on nursery" in said(app)


def test_another_model_is_looked_at_beside_its_own_corpus(open_page: Open, two_runs: Path) -> None:
    run = open_run("other")
    run.update(corpus={**run.info.corpus, "train": "nursery:9:3", "valid": "nursery:4:5"})
    app = open_page("memorization", a="tiny")
    next(box for box in app.selectbox if box.label == "Model").select("other").run()
    assert [field.value for field in app.text_input][:2] == ["nursery:9:3", "nursery:4:5"]
    assert not app.exception and not app.warning
    app.text_input(key="memorization.corpus").input("shipped").run()
    next(box for box in app.selectbox if box.label == "Model").select("tiny").run()
    assert app.text_input(key="memorization.corpus").value == "shipped"  # what somebody wrote stays


def test_a_study_is_measured_once_and_shown_from_every_side(
    open_page: Open, two_runs: Path, corpus: Path, unseen: Path
) -> None:
    link = {"a": "tiny", "corpus": corpus, "unseen": unseen, "stories": 3}
    app = told_to_read(open_page("memorization", **link))
    assert "Not measured yet" in said(app)
    app = press_and_wait(app)
    assert not app.exception and not app.error
    assert "of the true ending where it was trained" in said(app)
    (kept,) = open_run("tiny").memorization_path.glob("study-*.json")
    kept_at = kept.stat().st_mtime_ns
    app = told_to_read(open_page("memorization", **link, view="measures"))
    assert not app.exception and "of the true ending where it was trained" in said(app)
    names = [
        trace["name"] for trace in figure_on(app, "figure-copied-rouge_precision-tiny@10")["data"]
    ]
    assert len(names) == 2  # people's endings are the truth
    app.selectbox(key="memorization.measure").set_value(
        app.selectbox(key="memorization.measure").options[2]
    ).run()
    assert len(figure_on(app, "figure-copied-ngram_overlap-tiny@10")["data"]) == 3
    app.segmented_control(key="memorization.view").set_value("templates").run()
    assert not app.exception and "0 of 3 among people's endings of these" in said(app)
    assert kept.stat().st_mtime_ns == kept_at


def test_any_text_is_underlined_where_it_is_copied(
    open_page: Open, two_runs: Path, corpus: Path, unseen: Path
) -> None:
    text = "Zebras sing. " + little_stories(300)[7]
    link = {"a": "tiny", "corpus": corpus, "unseen": unseen, "view": "any text", "text": text}
    app = press_and_wait(told_to_read(open_page("memorization", **link)))
    assert not app.exception and not app.error
    shown = story_on(app, "any-text")
    assert shown["marked"] == list(range(2, len(shown["str_tokens"])))
    assert "Story 7 of the corpus" in said(app)


def test_novelty_stands_beside_peoples(
    open_page: Open, two_runs: Path, corpus: Path, unseen: Path
) -> None:
    link = {"a": "tiny", "corpus": corpus, "unseen": unseen, "view": "novelty", "stories": 2}
    app = press_and_wait(told_to_read(open_page("memorization", **link)))
    assert not app.exception and not app.error
    traces = figure_on(app, "figure-novelty-temperature-tiny@10")["data"]
    assert [trace["name"] for trace in traces] == [
        "temperature 0",
        "temperature 0.5",
        "temperature 1",
        "people",
    ]


def test_a_run_without_stories_of_its_own_to_validate_on_leaves_their_field_empty(
    open_page: Open, two_runs: Path
) -> None:
    open_run("tiny").update(corpus={"train": "nursery:30:0", "valid": None})
    app = open_page("memorization", a="tiny")
    assert not app.exception and not app.warning
    assert [field.value for field in app.text_input][:2] == ["nursery:30:0", ""]


def test_the_page_opens_on_a_run_that_copies_beside_one_that_does_not(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLM_RUNS", str(ROOT / "runs"))
    app = open_page("memorization")
    assert not app.exception and not app.error and not app.warning
    assert figure_on(app, "figure-copying-nursery-100-nursery-20000")["data"][0]["x"] == [
        pytest.approx(0.965, abs=0.001),
        pytest.approx(0.005, abs=0.001),
    ]
    copied = story_on(app, "wrote-kept-nursery-100")
    assert len(copied["marked"]) > 0.9 * len(copied["str_tokens"]) - 2
    assert "Not measured of four-layer@7324" in said(app)
    app.button(key="instead-nursery-100").click().run()
    assert not app.exception and not app.error
    assert "Not measured yet" in said(app)
