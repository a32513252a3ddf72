"""The roles page: shares beside their controls, the best neurons, the protagonist's verdict."""

import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from slm.interp.roles.scoring import score_roles
from slm.progress import result_of
from slm.runs import load_checkpoint
from slm.stories.annotation.labelled import ROLES, with_roles
from tests.app.conftest import Open, figure_on, said


def finished(app: AppTest) -> AppTest:
    """Run the page until its work has ended."""
    until = time.monotonic() + 60
    while any(button.key == "cancel-roles" for button in app.button):
        assert time.monotonic() < until
        time.sleep(0.2)
        app.run()
    assert not app.exception
    return app


def test_the_share_of_each_layer_stands_beside_its_controls(
    open_page: Open, two_runs: Path
) -> None:
    app = finished(open_page("roles", a="tiny", b="other", stories=20))
    model = load_checkpoint("tiny")
    found = result_of(score_roles(model, with_roles(model.tokenizer, 20), ROLES))
    figure = figure_on(app, "figure-roles-by-layer-tiny@10-other@0")
    assert [trace["name"] for trace in figure["data"]] == [
        "tiny@10",
        "tiny@10, random directions",
        "other@0",
        "other@0, random directions",
        "tiny@10, shuffled labels (control)",
        "other@0, shuffled labels (control)",
    ]
    assert list(figure["data"][0]["y"]) == [layer.share.value for layer in found.excited.layers]
    random = [layer.random_directions for layer in found.excited.layers]
    assert list(figure["data"][1]["y"]) == [one.value for one in random]
    assert figure["data"][1]["error_y"]["array"][0] == pytest.approx(
        random[0].interval.high - random[0].value
    )
    assert f"{found.excited.confirmed_share.hits:,} of 128" in said(app)
    assert found.excited.beside_random in said(app)
    table = app.dataframe[0].value
    assert set(table["role"]) <= set(ROLES) and len(table) > 20
    assert table["neuron"][0].startswith("neurons?a=tiny@10&layer=")
    assert {"fires", "elsewhere"} <= set(table.columns)
    app.segmented_control(key="roles.kind").set_value("inhibited by").run()
    figure = figure_on(app, "figure-roles-by-layer-tiny@10-other@0")
    assert list(figure["data"][0]["y"]) == [layer.share.value for layer in found.inhibited.layers]
    assert f"{found.inhibited.confirmed_share.hits:,} of 128" in said(app)


def test_a_link_names_the_role_and_the_neuron(open_page: Open, two_runs: Path) -> None:
    app = finished(open_page("roles", a="tiny", stories=20, role="adjective", unit_a="1.7"))
    assert set(app.dataframe[0].value["role"]) == {"adjective"}
    assert "Neuron 1.7" in said(app)
    figure = figure_on(app, "figure-activation-tiny@10-layer1-7")
    assert "adjective" in [trace["y"][0] for trace in figure["data"]]
    assert figure["layout"]["xaxis"]["title"]["text"] == "pre-activation (fires above 0)"
    app.text_input(key="roles.neuron.a").set_value("9.9").run()
    assert len(app.error) == 1 and "a neuron is written layer.neuron" in said(app).lower()


def test_the_protagonist_test_gives_its_verdict_and_why(open_page: Open, two_runs: Path) -> None:
    app = finished(open_page("roles", a="tiny", view_roles="The protagonist test", mentioning=20))
    assert "because" in said(app)
    keys = [chart.key for chart in app.get("plotly_chart")]
    assert any(key.startswith("figure-protagonist-stories-tiny@10") for key in keys)
    assert {"AUC", "fires more often by"} <= set(app.dataframe[0].value["measure"])
    app.text_input(key="roles.tested").set_value("1.5").run()
    assert "Neuron 1.5: " in said(finished(app))
    app.text_input(key="roles.tested").set_value("5.1").run()
    assert len(app.error) == 1 and "a neuron is written layer.neuron" in said(app).lower()


def test_a_corpus_that_is_not_there_is_one_line_and_an_empty_one_says_what_to_do(
    open_page: Open, two_runs: Path
) -> None:
    app = open_page("roles", a="tiny", stories=20, read="a corpus")
    assert "Name a corpus" in said(app)
    app.text_input(key="corpus").set_value("none.txt").run()
    app = finished(app)
    assert "there is no file 'none.txt'" in said(app)
    assert "Begin again" in [button.label for button in app.button]


@pytest.mark.parametrize("asked", [{"stories": 20, "unit_a": "<b>"}])
def test_what_a_link_says_is_shown_as_text(asked: dict, open_page: Open, two_runs: Path) -> None:
    app = finished(open_page("roles", a="tiny", **asked))
    assert len(app.error) == 1
