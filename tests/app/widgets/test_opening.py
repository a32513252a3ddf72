"""Attention and Heads open on the best head of the model shown, until somebody chooses one."""

import pytest
from streamlit.testing.v1 import AppTest

from slm.interp.heads.examples import head_examples
from slm.overview.kept import kept_overview
from slm.overview.records import LabelledHead
from slm.runs import load_checkpoint
from tests.app.conftest import ROOT, Open


@pytest.fixture(autouse=True)
def bundled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLM_RUNS", str(ROOT / "runs"))


def best(run: str) -> LabelledHead:
    overview = kept_overview(run)
    assert overview is not None
    return overview.heads.confirmed[0]


def chosen(app: AppTest) -> tuple[object, object]:
    assert not app.exception and not app.error
    return app.selectbox(key="layer").value, app.selectbox(key="head").value


def choose_model(app: AppTest, name: str) -> None:
    next(box for box in app.selectbox if box.label == "Model").set_value(name).run()


@pytest.mark.parametrize("page", ["attention", "heads"])
def test_a_page_opens_on_the_models_best_head_until_somebody_chooses_one(
    page: str, open_page: Open
) -> None:
    four, one = best("four-layer"), best("one-layer")
    assert (four.layer, four.head) != (one.layer, one.head) != (0, 0)
    app = open_page(page, a="four-layer")
    assert chosen(app) == (four.layer, four.head)
    choose_model(app, "one-layer")
    assert chosen(app) == (one.layer, one.head)
    app.selectbox(key="head").set_value(2).run()
    choose_model(app, "four-layer")
    assert chosen(app) == (0, 2)
    assert chosen(open_page(page, a="four-layer", layer=1, head=0)) == (1, 0)


def test_attention_opens_where_the_head_does_what_its_label_says(open_page: Open) -> None:
    head = best("one-layer")
    (place,) = head_examples(load_checkpoint("one-layer"), 0, head.head, head.kind, count=1)
    app = open_page("attention", a="one-layer")
    at = app.selectbox(key="story").value, app.number_input(key="token").value
    assert at == (place.title, place.query)
    app.number_input(key="token").set_value(20).run()
    choose_model(app, "four-layer")
    assert (app.selectbox(key="story").value, app.number_input(key="token").value) == (at[0], 20)


@pytest.mark.parametrize("link", [{"story": "The hungry bear"}, {"layer": 3, "head": 5}])
def test_a_link_that_names_a_story_or_a_head_alone_keeps_its_story_and_token(
    link: dict[str, object], open_page: Open
) -> None:
    app = open_page("attention", a="four-layer", **link)
    assert app.selectbox(key="story").value == link.get("story", "Lucy and the banana")
    assert app.number_input(key="token").value == 12


def test_what_a_page_opened_on_is_nobodys_choice_on_another(open_page: Open) -> None:
    app = open_page("attention", a="four-layer").run()
    app.query_params.clear()  # as a browser does that follows the navigation
    app.switch_page("../pages/predictions.py").run()
    assert asked(app) == ablated("four-layer")


def ablated(run: str) -> tuple[str, int]:
    overview = kept_overview(run)
    assert overview is not None and overview.prediction is not None
    return overview.prediction.ablated.story, overview.prediction.ablated.token


def asked(app: AppTest) -> tuple[object, object]:
    assert not app.exception and not app.error
    return app.selectbox(key="story").value, app.number_input(key="token").value


def test_predictions_opens_on_the_token_with_the_largest_ablation_effect(open_page: Open) -> None:
    app = open_page("predictions", a="four-layer")
    assert asked(app) == ablated("four-layer") != ablated("one-layer")
    choose_model(app, "one-layer")
    assert asked(app) == ablated("one-layer")
    app.number_input(key="token").set_value(20).run()
    choose_model(app, "four-layer")
    assert asked(app) == (ablated("one-layer")[0], 20)


@pytest.mark.parametrize("link", [{"token": 5}, {"view": "Ablation"}, {"story": "The hungry bear"}])
def test_a_link_to_predictions_means_the_place_that_it_meant_before(
    link: dict[str, object], open_page: Open
) -> None:
    app = open_page("predictions", a="four-layer", **link)
    first = {"story": "Lucy and the banana", "token": 12}
    assert asked(app) == tuple(link.get(name, first[name]) for name in first)
