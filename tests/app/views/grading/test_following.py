"""The view of the grading page on instructions: what is kept is shown, and what is missing is offered."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from slm.comparing.curves import FOLLOWING, curves
from slm.runs import open_run
from tests.app.conftest import Open, figure_on, said

BUNDLED = Path(__file__).parents[4] / "runs"
VIEW = "Following instructions"


@pytest.fixture
def bundled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLM_RUNS", str(BUNDLED))


def tables(app: AppTest) -> str:
    return "\n".join(frame.value.to_csv() for frame in app.dataframe)


def test_a_fresh_clone_shows_that_depth_helps_to_follow(bundled: None, open_page: Open) -> None:
    app = open_page("grading", view=VIEW)
    assert not app.exception
    assert "instruct-four-layer keeps 98% of the words asked for" in said(app)
    drawn = figure_on(
        app,
        "figure-following-instruct-control@3052-instruct-one-layer@3052-instruct-two-layer@3052-"
        "instruct-four-layer@3052"[: len("figure-following-") + 80],
    )
    assert {"instruct-control", "instruct-four-layer"} <= {one["name"] for one in drawn["data"]}
    told = tables(app)
    assert "instruct-four-layer less instruct-two-layer" in told
    assert "followed worse than a pair it saw" in told and "no difference from a pair" in told
    before = said(app)
    app.number_input(key="grading.request").set_value(2).run()
    assert not app.exception and said(app) != before


def test_a_model_that_was_not_asked_is_offered_to_be_asked(bundled: None, open_page: Open) -> None:
    app = open_page("grading", view=VIEW, models=["one-layer@4883"])
    assert not app.exception
    assert "Not asked yet: one-layer@4883" in said(app)
    assert "Let them write for the requests" in [button.label for button in app.button]


def test_what_was_measured_of_checkpoints_that_are_gone_is_a_curve(bundled: None) -> None:
    run = open_run("instruct-two-layer")
    found = {one.of: one for one in curves([run]) if one.measure == FOLLOWING}
    assert set(found) == {"words", "features", "sentence", "summary"}
    sentence = found["sentence"].points
    assert run.steps == [3052] and [one.step for one in sentence][-2:] == [2543, 3052]
    assert sentence[0].value == 0 and sentence[-1].value > 0.2
    assert all(one.low is not None and one.baseline is not None for one in sentence)
