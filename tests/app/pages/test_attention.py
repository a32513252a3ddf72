"""Attention shows the paper's Figures 6 to 8 of the bundled model with one layer, with its numbers."""

import time

import pytest
from streamlit.testing.v1 import AppTest

from slm.interp.heads.kept import measured_scores
from slm.interp.heads.query_keys import query_keys
from slm.runs import load_checkpoint
from tests.app.conftest import ROOT, Open, figure_on, said


def until_measured(app: AppTest) -> AppTest:
    until = time.monotonic() + 120
    while any((button.key or "").startswith("cancel-query-keys") for button in app.button):
        assert time.monotonic() < until
        time.sleep(0.2)
        app.run()
    assert not app.exception and not app.error
    return app


def test_figures_6_to_8_are_of_one_layer_and_say_what_the_paper_saw_and_this_model_does_not(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLM_RUNS", str(ROOT / "runs"))
    app = until_measured(open_page("attention", a="four-layer", view="Figures 6 to 8"))
    model = load_checkpoint("one-layer")
    found = query_keys(model, measured_scores(model, "nursery", 64))
    assert "four-layer@7324 has more, so shown is one-layer@4883" in said(app)
    names = [f"{layer}.{head}" for layer, head in found.heads]
    drawn = figure_on(app, "by-distance-one-layer@4883")["data"][1]["text"]
    assert [text.split()[0] for text in drawn] == names
    assert f"{len(found.by_distance)} of 16 heads" in said(app)
    (layer, head), _, score, control = found.nearest_meaning()
    assert (
        f"no single head clearly does, though the paper saw three. The nearest is {layer}.{head}"
        in (said(app))
    )
    assert f"{score:.1%} of its attention, its control {control:.1%}" in said(app)
    matrix = figure_on(app, "words-one-layer@4883-text")["data"]
    assert matrix[0]["x"] == ["banana", "park", "Tom", "Lucy"]
    assert matrix[0]["z"][0][0] == pytest.approx(found.found[0, 0])
    assert matrix[1]["z"][3][3] == pytest.approx(found.shuffled[3, 3])
    assert figure_on(app, "words-one-layer@4883-stories")["data"][0]["x"][0] == "object"
    assert "points of attention above shuffled places (95 %)" in said(app)


def test_a_model_of_ones_own_with_one_layer_is_shown_itself(
    open_page: Open, two_runs: object
) -> None:
    app = until_measured(open_page("attention", a="other", view="Figures 6 to 8"))
    assert "so shown is" not in said(app)
    assert "none of 2 heads clearly does" in said(app)
    assert "all 2 heads" in said(app)
