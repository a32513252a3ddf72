"""Attention and Neurons offer the strongest of the model shown, one click away."""

from pathlib import Path

import pytest

from slm.overview.kept import kept_overview
from tests.app.conftest import Open

BUNDLED = Path(__file__).resolve().parents[3] / "runs"


@pytest.fixture(autouse=True)
def bundled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLM_RUNS", str(BUNDLED))


def test_the_strongest_head_of_each_kind_is_one_click_away(open_page: Open) -> None:
    known = kept_overview("one-layer@4883")
    assert known is not None
    page = open_page("attention", a="one-layer")
    for kind, head in known.heads.strongest().items():
        page.button(key=f"start-head-{kind}").click().run()
        assert not page.exception
        assert (page.session_state["layer"], page.session_state["head"]) == (head.layer, head.head)


def test_a_neuron_of_a_confirmed_role_is_one_click_away(open_page: Open) -> None:
    known = kept_overview("one-layer@4883")
    assert known is not None
    page = open_page("neurons", a="one-layer")
    best = known.neurons.best[0]
    page.button(key=f"start-neuron-{best.layer}-{best.neuron}").click().run()
    assert not page.exception
    assert page.session_state["neuron"] == best.neuron


def test_a_model_without_an_overview_offers_none(open_page: Open) -> None:
    page = open_page("attention", a="one-layer@0")
    assert not [one for one in page.button if (one.key or "").startswith("start-")]
