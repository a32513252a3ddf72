"""What changed between two models: every view answers for A beside B, and says what it needs."""

import json
from pathlib import Path

import numpy as np
import pytest

from slm.comparing.difference import differences, loss_difference
from slm.runs import load_checkpoint
from slm.stories import shipped
from tests.app.conftest import Open, figure_on, said, story_on


def test_without_a_second_model_one_press_puts_one_beside(open_page: Open, two_runs: Path) -> None:
    app = open_page("compare", a="tiny", compare="Stories")
    labels = [button.label for button in app.button]
    assert "tiny at step 0" in labels and "other" in labels
    app.button(key="by-tiny@0").click().run()
    assert app.session_state["b"] == "tiny@0" and app.query_params["b"] in ("tiny@0", ["tiny@0"])
    assert not app.exception and not app.error


def test_stories_are_painted_with_what_one_saves(open_page: Open, two_runs: Path) -> None:
    app = open_page("compare", a="tiny", b="other", compare="Stories")
    texts = [story.text for story in shipped.stories()]
    found = list(differences(load_checkpoint("tiny"), load_checkpoint("other"), texts))
    most = max(found, key=lambda story: abs(story.bits_per_byte))
    shown = story_on(app, f"differs-tiny@10-other@0-{most.number}")
    assert shown["scale"] == "which way" and shown["labels"] == [
        "nats that A saves:",
        "nats that B saves:",
    ]
    assert shown["values"] == pytest.approx(most.gain, abs=1e-3)
    gain = loss_difference(found).gain
    assert f"{gain.low:+.3f} and {gain.high:+.3f}" in said(app)


def test_curves_of_several_runs_mark_where_a_and_b_stand(open_page: Open, two_runs: Path) -> None:
    app = open_page("compare", a="tiny@0", compare="Curves", runs="other")
    figure = figure_on(app, "figure-curves-tiny-other")
    assert [trace["name"] for trace in figure["data"]] == ["tiny", "other"]
    assert figure["data"][0]["y"] == [2.0, 1.5]
    assert [mark["text"] for mark in figure["layout"]["annotations"]] == ["A"]
    assert figure["layout"]["xaxis"]["title"]["text"] == "tokens of training"


@pytest.mark.parametrize("view", ["Heads", "Neurons", "Layers"])
def test_a_model_beside_itself_a_step_earlier_is_matched(
    view: str, open_page: Open, two_runs: Path
) -> None:
    app = open_page("compare", a="tiny", b="tiny@0", compare=view)
    while app.button and any(button.label == "Cancel" for button in app.button):
        app.run()
    assert not app.exception and not app.error
    if view == "Layers":
        values = np.array(figure_on(app, "figure-layers-tiny@10-tiny@0")["data"][0]["z"])
        assert values.shape == (3, 3) and (values >= 0).all() and (values <= 1.0001).all()
    else:
        assert f"of A's {4 if view == 'Heads' else 128} {view.lower()} have a counterpart" in said(
            app
        )


def test_development_tells_when_labels_came(open_page: Open, two_runs: Path) -> None:
    app = open_page("compare", a="tiny", compare="Development")
    while any(button.label == "Cancel" for button in app.button):
        app.run()
    assert not app.exception and not app.error
    assert "have a label at its last step" in said(app)
    figure = figure_on(app, "figure-learned-tiny")
    assert figure["data"][0]["x"] == ["0", "10"]


def test_a_corpus_that_cannot_be_read_is_one_line(open_page: Open, two_runs: Path) -> None:
    app = open_page(
        "compare", a="tiny", b="other", compare="Stories", read_both="a corpus", corpus="no.txt"
    )
    assert not app.exception
    assert len(app.error) == 1 and "there is no file 'no.txt'" in said(app)


def test_the_report_is_made_when_asked_for(open_page: Open, two_runs: Path) -> None:
    app = open_page("compare", a="tiny", b="other", compare="Stories")
    next(b for b in app.button if b.label == "Make a report to mail").click().run()
    while any(button.label == "Cancel" for button in app.button):
        app.run()
    assert not app.exception and not app.error
    assert any("Save the report" in json.dumps(str(x.proto)) for x in app.get("download_button"))
