"""Grading opens on measures that need no judge: a table, curves, what they see, marked stories."""

import json
from pathlib import Path

import pytest

from app.views.grading.measures import marked
from slm.cli import main
from slm.scores.texts import CompletedStory
from tests.app.conftest import Open, said, settled

BUNDLED = Path(__file__).resolve().parents[4] / "runs"


def test_the_page_opens_on_kept_scores_beside_the_shipped_stories(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLM_RUNS", str(BUNDLED))
    app = open_page("grading", a="four-layer", b="grid-32x1x2")
    assert not app.exception and not app.error
    table = app.dataframe[0].value
    assert table["stories of"].tolist() == [
        "shipped stories",
        "four-layer@7324",
        "grid-32x1x2@2930",
    ]
    assert "no GPT grades" in said(app) and "read by storyteller@4395" in said(app)
    assert any(one.value["spoiling"].tolist()[0] for one in app.dataframe[1:])


def test_a_model_of_ones_own_is_scored_by_the_largest_there_is(
    open_page: Open, two_runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = settled(open_page("grading", a="other"))
    assert not app.exception and not app.error
    assert "read by tiny@10" in said(app)
    shown = app.dataframe[0].value.set_index("stories of")
    capsys.readouterr()
    assert main(["score", "other", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["models"]["other@0"]["scores"]
    for measure, one in told.items():
        (column,) = [name for name in shown.columns if name == measure]
        assert shown.loc["other@0", column].startswith(f"{one['mean']:.2f}")


def test_settings_of_a_grading_in_a_link_open_the_grades(open_page: Open, two_runs: Path) -> None:
    app = open_page("grading", a="tiny", openings=2)
    assert "No judge has read tiny@10 yet" in said(app)


def test_findings_are_underlined_and_text_stays_text() -> None:
    story = CompletedStory(opening="<b>Tom</b> ran.", completion=" They was <em>happy</em>.")
    html = marked(story)
    assert "<u title='Agreement" in html and ">was</u>" in html
    assert "<b>" not in html and "<em>" not in html and "&lt;em&gt;happy" in html
