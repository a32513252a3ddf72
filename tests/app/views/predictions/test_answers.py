"""The views' kept answers stand under the token that they are about, each a way to its view."""

import re

import pytest

from slm.overview.kept import kept_overview
from slm.overview.records import Prediction
from slm.runs import DEFAULT_RUN, list_runs
from tests.app.conftest import ROOT, Open, said


@pytest.fixture(autouse=True)
def bundled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLM_RUNS", str(ROOT / "runs"))


def kept(run: str) -> Prediction:
    overview = kept_overview(run)
    assert overview is not None and overview.prediction is not None
    return overview.prediction


def test_every_answer_stands_there_before_a_view_is_opened_and_opens_it(open_page: Open) -> None:
    app, found = open_page("predictions", a=DEFAULT_RUN), kept(DEFAULT_RUN)
    assert f"without head {found.ablated.layer}.{found.ablated.head} it says" in said(app)
    lines = {str(one.key): one for one in app.button if str(one.key).startswith("answer-")}
    assert all(f"answer-{one.view}" in lines for one in found.answers)
    lines["answer-Ablation"].click().run()
    assert app.segmented_control(key="predictions.view").value == "Ablation"
    assert app.number_input(key="token").value == found.ablated.token
    assert not app.exception and not app.error


def test_answers_are_of_one_token_and_of_no_other(open_page: Open) -> None:
    app = open_page("predictions", a=DEFAULT_RUN)
    app.number_input(key="token").set_value(kept(DEFAULT_RUN).ablated.token + 1).run()
    assert not [one for one in app.button if str(one.key).startswith("answer-")]


def test_where_no_name_can_be_swapped_a_story_that_has_one_is_offered(open_page: Open) -> None:
    app = open_page("predictions", a=DEFAULT_RUN)
    assert "no name stands before it" in kept(DEFAULT_RUN).answers[-1].says
    app.button(key="answer-elsewhere").click().run()
    assert app.segmented_control(key="predictions.view").value == "Activation patching"
    assert app.selectbox(key="story").value != kept(DEFAULT_RUN).ablated.story
    for _ in range(60):  # a browser would tick
        if "leads" in said(app):
            break
        app.run()
    assert not app.exception and not app.error and "leads" in said(app)


def test_patching_opens_with_the_names_that_its_line_tells(open_page: Open) -> None:
    told = re.match("with (.+) for (.+) the model", kept("one-layer").answers[-1].says)
    assert told is not None
    app = open_page("predictions", a="one-layer")
    app.button(key="answer-Activation patching").click().run()
    assert not app.exception and not app.error
    assert app.text_input(key="predictions.by").value == told[1]
    assert app.selectbox(key="predictions.replace").value == told[2]


def test_no_kept_line_restores_more_than_all(open_page: Open) -> None:
    overviews = [kept_overview(run.name) for run in list_runs() if run.steps]
    lines = [one.prediction.answers[-1].says for one in overviews if one and one.prediction]
    assert len(lines) >= 5
    for says in lines:
        share = re.search(r"restores (-?\d+)%", says)
        assert share is None or 0 <= int(share[1]) <= 100
