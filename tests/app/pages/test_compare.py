"""What changed between two models: every view answers for A beside B, and says what it needs."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from app.state import CompareState
from slm.comparing.difference import differences, loss_difference
from slm.comparing.measured import missing
from slm.knowledge.prompts import shipped as prompts
from slm.knowledge.scoring import ask, scores
from slm.overview.kept import kept_overview
from slm.runs import load_checkpoint, open_run
from slm.stories import shipped
from slm.stories.tokenizer import Tokenizer
from tests.app.conftest import (
    ROOT,
    Open,
    figure_on,
    make_run,
    said,
    settled,
    story_on,
    told_to_read,
)


def test_without_a_second_model_one_press_puts_one_beside(open_page: Open, two_runs: Path) -> None:
    app = open_page("compare", a="tiny", compare="Stories")
    labels = [button.label for button in app.button]
    assert "tiny at step 0" in labels and "other" in labels
    app.button(key="by-tiny@0").click().run()
    assert app.session_state["model.b"].address == "tiny@0"
    assert app.query_params["b"] in (
        "tiny@0",
        ["tiny@0"],
    )
    assert not app.exception and not app.error


def test_stories_are_painted_with_what_one_saves(open_page: Open, two_runs: Path) -> None:
    app = open_page("compare", a="tiny", b="other", compare="Stories")
    settled(app)
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


def test_knowledge_is_measured_when_asked_for_and_kept(open_page: Open, two_runs: Path) -> None:
    run = open_run("tiny")
    (_, last) = missing(run, "knowledge")
    app = open_page("compare", a="tiny", compare="Curves", measure="knowledge")
    assert "Checkpoints not measured yet: 2 of tiny." in said(app)
    app.button(key="measure-knowledge").click().run()
    settled(app)
    assert not app.exception and not app.error
    assert "not measured yet" not in said(app) and missing(run, "knowledge") == []
    chance, known = figure_on(app, "figure-curves-tiny")["data"]
    expected = next(
        one for one in scores(ask(load_checkpoint(f"tiny@{last}"), prompts())) if one.kind == "all"
    )
    assert known["y"][1] == expected.score.mean and known["x"] == [0, 10_000]
    assert chance["name"] == "by the answers of other prompts"
    assert chance["y"][1] == pytest.approx(expected.by_chance.mean)
    assert known["error_y"]["array"][1] == pytest.approx(expected.score.high - expected.score.mean)
    run.checkpoint_path(0).write_bytes(run.checkpoint_path(last).read_bytes())
    again = open_page("compare", a="tiny", compare="Curves", measure="knowledge")
    assert "Checkpoints not measured yet: 1 of tiny." in said(again)
    assert figure_on(again, "figure-curves-tiny")["data"][1]["x"] == [10_000]


@pytest.mark.parametrize("measure", ["copying", "heads", "grades"])
def test_a_measure_that_no_run_has_says_what_to_do(
    measure: str, open_page: Open, two_runs: Path
) -> None:
    app = open_page("compare", a="tiny", compare="Curves", measure=measure)
    assert not app.exception and not app.error and not app.get("plotly_chart")
    assert "ot measured yet" in said(app)
    if measure == "heads":
        assert app.button(key="measure-heads").label == "Score the heads at every checkpoint"


@pytest.mark.parametrize("view", ["Heads", "Neurons", "Layers"])
def test_a_model_beside_itself_a_step_earlier_is_matched(
    view: str, open_page: Open, two_runs: Path
) -> None:
    app = open_page("compare", a="tiny", b="tiny@0", compare=view)
    settled(app)
    assert not app.exception and not app.error
    if view == "Layers":
        values = np.array(figure_on(app, "figure-layers-tiny@10-tiny@0")["data"][0]["z"])
        assert values.shape == (3, 3) and (values >= 0).all() and (values <= 1.0001).all()
    else:
        assert f"of A's {4 if view == 'Heads' else 128} {view.lower()} have a counterpart" in said(
            app
        )


def test_a_pair_of_heads_is_chosen_without_a_mouse(
    open_page: Open, two_runs: Path, tokenizer: Tokenizer
) -> None:
    make_run(two_runs, "twin", tokenizer, n_layers=2, seed=1, steps=(10,))
    app = open_page("compare", a="tiny", b="twin", compare="Heads")
    settled(app)
    pair = app.selectbox(key=CompareState.pair.key)
    assert pair.value == 0 and len(pair.options) == 4
    app = pair.set_value(2).run()
    ((layer, head),) = re.findall(r"^3: (\d)\.(\d) of A", pair.options[2])
    assert f"tiny@10, layer {layer}, head {head}" in said(app)
    assert figure_on(app, "compare.pairs")["layout"]["shapes"]


def test_development_tells_when_labels_came(open_page: Open, two_runs: Path) -> None:
    app = open_page("compare", a="tiny", compare="Development")
    settled(app)
    assert not app.exception and not app.error
    assert "have a label at its last step" in said(app)
    figure = figure_on(app, "figure-learned-tiny")
    assert figure["data"][0]["x"] == ["0", "10"]


def test_development_of_two_runs_draws_heads_of_one_kind(open_page: Open, two_runs: Path) -> None:
    app = open_page("compare", a="tiny", b="other", compare="Development")
    while any(button.label == "Cancel" for button in app.button):
        app.run()
    assert not app.exception and not app.error
    assert figure_on(app, "figure-learned-tiny") and figure_on(app, "figure-learned-other")
    (kind,) = [one for one in app.selectbox if one.label == "Heads that look at"]
    app = kind.set_value("previous token").run()
    assert not app.exception


def test_a_corpus_that_cannot_be_read_is_one_line(open_page: Open, two_runs: Path) -> None:
    app = open_page(
        "compare", a="tiny", b="other", compare="Stories", read_both="a corpus", corpus="no.txt"
    )
    app = told_to_read(app)
    assert not app.exception
    assert len(app.error) == 1 and "there is no file 'no.txt'" in said(app)


def test_the_report_is_made_when_asked_for(open_page: Open, two_runs: Path) -> None:
    app = open_page("compare", a="tiny", b="other", compare="Stories")
    next(b for b in app.button if b.label == "Make a report to mail").click().run()
    settled(app)
    assert not app.exception and not app.error
    assert any("Save the report" in json.dumps(str(x.proto)) for x in app.get("download_button"))


def test_the_page_opens_on_a_checkpoint_before_something_was_learnt_until_somebody_chooses(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLM_RUNS", str(ROOT / "runs"))
    overview = kept_overview("four-layer")
    assert overview is not None and overview.pair is not None
    pair = overview.pair
    app = open_page("compare", a="four-layer")
    assert not app.exception and not app.error
    assert app.session_state["model.b"].address == f"four-layer@{pair.earlier}"
    assert "Chosen by this page" in said(app) and pair.learnt[0].what in said(app)
    app.button(key="learnt-by").click().run()
    assert app.session_state["model.a"].address == f"four-layer@{pair.later}"
    assert app.session_state["model.b"].address == f"four-layer@{pair.earlier}"
    other = next(box for box in app.selectbox if box.label == "Compare with")
    other.set_value("").run()
    assert app.session_state["model.b"].address is None  # that nothing stands beside it is a choice
    assert not app.exception and "Chosen by this page" not in said(app)


def test_what_the_page_put_beside_is_gone_on_another_page_and_a_link_s_own_stays(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLM_RUNS", str(ROOT / "runs"))
    app = open_page("compare", a="four-layer")
    app.switch_page("../pages/predictions.py").run()
    assert not app.exception and app.session_state["model.b"].address is None
    app = open_page("compare", a="four-layer", b="one-layer")
    assert app.session_state["model.b"].address.startswith("one-layer")
    assert "Chosen by this page" not in said(app)
    app.switch_page("../pages/predictions.py").run()
    assert app.session_state["model.b"].address.startswith("one-layer")
