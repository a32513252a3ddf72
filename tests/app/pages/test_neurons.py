"""The neurons page: every view of A beside B, a corpus read from the page, neurons that are found."""

import csv
import io
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit
import torch
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Selectbox

from app.jobs.indexing import building
from app.jobs.work import Work
from slm.interp.neurons import build as neuron_build
from slm.interp.neurons.build import build_index
from slm.interp.neurons.index import index_of, open_index, shipped_index
from slm.interp.neurons.logits import writes
from slm.interp.neurons.search import by_place, by_token
from slm.interp.neurons.top_tokens import token_values
from slm.model.weights import initialise
from slm.overview.kept import kept_overview
from slm.runs import load_checkpoint, open_run
from slm.stories import shipped
from slm.stories.tokenizer import Tokenizer
from tests.app.conftest import ROOT, Open, figure_on, make_run, said, story_on


def table(app: AppTest, key: str) -> list[tuple[int, int]]:
    """The neurons that a table lists."""
    frames = {frame.key: frame.value for frame in app.dataframe}
    return list(zip(frames[key]["layer"].tolist(), frames[key]["neuron"].tolist(), strict=True))


def test_every_view_shows_a_beside_b(open_page: Open, two_runs: Path) -> None:
    app = open_page("neurons", a="tiny", b="other", neuron=5)
    for view in ("Distribution", "Logit effect", "On my text", "Find neurons", "Top activations"):
        app.segmented_control(key="neurons.view").set_value(view).run()
        assert not app.exception and not app.error
        assert "of the 20 shipped stories" in said(app)
    app = open_page("neurons", a="tiny", b="other", layer=1)
    assert "This model has no neuron 0 in layer 1." in said(app)


def test_the_page_says_how_often_a_neuron_fires_and_what_it_writes(
    open_page: Open, two_runs: Path
) -> None:
    model = load_checkpoint("tiny")
    index = index_of(model, [story.text for story in shipped.stories()], "shipped")
    app = open_page("neurons", a="tiny", layer=1, neuron=7, show="How often")
    assert f"Fires on **{index.fires[1, 7]:.2%}**" in said(app)
    bars = figure_on(app, "figure-spread-tiny@10-layer1-7")["data"][0]["y"]
    shown = sum(bar for bar in bars if bar)
    assert shown == pytest.approx(index.n_tokens, rel=0.02)
    app.segmented_control(key="neurons.view").set_value("Logit effect").run()
    figure = figure_on(app, "figure-writes-tiny@10-layer1-7")["data"][0]
    assert figure["x"][0] == pytest.approx(writes(model, 1, 7).promotes[0][1])
    assert figure["x"][-1] == pytest.approx(writes(model, 1, 7).suppresses[0][1])


def test_neurons_are_found_by_word_by_place_and_by_rarity(open_page: Open, two_runs: Path) -> None:
    model = load_checkpoint("tiny")
    index = index_of(model, [story.text for story in shipped.stories()], "shipped")
    app = open_page("neurons", a="tiny", show="Find neurons", word="park")
    expected = [(one.layer, one.neuron) for one in by_token(index, model, " park", k=25)]
    assert table(app, "word-tiny@10") == expected
    for how in ("rarest", "one token only"):
        app.segmented_control(key="neurons.find").set_value(how).run()
        assert len(table(app, f"{how}-tiny@10".replace(" ", "-"))) == 25
    app.segmented_control(key="neurons.find").set_value("dead").run()
    assert "neurons are never above 0 in" in said(app)
    text = "Tom went to the park."
    app = open_page("neurons", a="tiny", show="In my text", text=text, token=3)
    tokens = model.tokenizer.encode_story(text)
    expected = [(one.layer, one.neuron) for one in by_place(index, model, tokens, 3, k=25)]
    assert table(app, "here-tiny@10") == expected
    assert story_on(app, "text-tiny@10")["selected"] == 3


def test_files_say_which_hook_their_numbers_are_of(
    open_page: Open, two_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: dict[str, Callable[[], str]] = {}

    def save(label: str, content: Callable[[], str], *, file_name: str, **rest: object) -> None:
        files[file_name] = content

    monkeypatch.setattr(streamlit, "download_button", save)
    open_page("neurons", a="tiny", layer=1, neuron=7, side="lowest")
    rows = csv.DictReader(io.StringIO(files["neuron-tiny@10-layer1-7.csv"]()))
    lowest = next(row for row in rows if row["extreme"] == "1")
    value = float(lowest["pre-activation"])
    act = torch.nn.functional.gelu(torch.tensor(value), approximate="tanh")
    assert float(lowest["activation"]) == pytest.approx(float(act), abs=1e-4)
    told = json.loads(files["neuron-tiny@10-layer1-7.json"]())
    assert told["hook"] == "hook_pre" and told["lowest"] == pytest.approx(value, abs=1e-4)
    assert told["examples"][0]["value"] == pytest.approx(value, abs=1e-4)
    assert told["examples"][0]["activation"] == pytest.approx(float(act), abs=1e-4)
    for view, file, header in (
        ("Distribution", "spread-tiny@10-layer1-7.csv", '"pre-activation from","to","tokens"'),
        ("Distribution", "firing-tiny@10.csv", '"layer","neuron","fires","lowest pre-activation"'),
        ("Logit effect", "writes-tiny@10-layer1-7.csv", '"token","logit minus the mean logit"'),
    ):
        open_page("neurons", a="tiny", layer=1, neuron=7, show=view)
        assert files[file]().startswith(header)
    open_page("predictions", a="tiny", view="Parts", token=9)
    assert files["parts-tiny@10-token9.csv"]().startswith('"part","logit minus the mean logit"')


def test_a_gated_model_is_shown_by_its_activation_beside_one_that_is_not(
    open_page: Open, two_runs: Path, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(two_runs, "gated", tokenizer, n_layers=2, seed=3, steps=(0,), gated_mlp=True)
    files: dict[str, Callable[[], str]] = {}
    monkeypatch.setattr(
        streamlit,
        "download_button",
        lambda _, content, file_name, **__: files.update({file_name: content}),
    )
    app = open_page("neurons", a="gated", b="tiny", layer=1, neuron=7)
    assert not app.exception and not app.error
    assert "gated@0, blocks.1.mlp.hook_post, neuron 7: its highest activation" in said(app)
    assert "tiny@10, blocks.1.mlp.hook_pre, neuron 7: its highest pre-activation" in said(app)
    header = files["neuron-gated@0-layer1-7.csv"]().splitlines()[0]
    assert header == '"rank","story","position","str_token","activation","extreme"'
    app = open_page("neurons", a="gated", b="tiny", layer=1, neuron=7, show="How often")
    for address, axis in (("gated@0", "activation"), ("tiny@10", "pre-activation")):
        layout = figure_on(app, f"figure-spread-{address}-layer1-7")["layout"]
        assert layout["xaxis"]["title"]["text"] == axis


def test_a_corpus_is_read_from_the_page_and_then_shown(
    open_page: Open, two_runs: Path, corpus: Path
) -> None:
    app = open_page("neurons", a="tiny")
    app.text_input(key="neurons.index_corpus").set_value(str(corpus))
    app.button(key="build").click().run()
    work = app.session_state["neurons.indexing"]
    work.wait(60)
    app.run()
    assert not app.exception and not app.error
    assert f"Over {open_index(load_checkpoint('tiny')).n_tokens:,} tokens" in said(app)
    app.text_input(key="neurons.index_corpus").set_value("gone.txt")
    app.button(key="build").click().run()
    app.session_state["neurons.indexing"].wait(60)
    assert "there is no file 'gone.txt'" in said(app.run())


def test_a_cancelled_reading_keeps_what_it_has(
    two_runs: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neuron_build, "STORIES_AT_ONCE", 2)
    work = Work(building(["tiny@10"], str(corpus)))
    while work.progress.share < 0.1:
        time.sleep(0.01)
    work.cancel()
    work.wait(30)
    assert not work.running and work.result is None and work.error == ""
    assert next(build_index(load_checkpoint("tiny"), str(corpus))).stories > 0


def test_an_index_of_other_weights_is_said_to_be_stale(
    open_page: Open, two_runs: Path, corpus: Path
) -> None:
    for _ in build_index(load_checkpoint("tiny"), str(corpus)):
        pass
    run = open_run("tiny")
    run.save_checkpoint(initialise(run.config, 77), 10)
    app = open_page("neurons", a="tiny")
    assert "is stale (the weights have changed since)" in said(app)
    assert "of the 20 shipped stories" in said(app) and not app.exception


def chosen(app: AppTest) -> tuple[object, object]:
    """The layer and the neuron that the page shows."""
    return app.selectbox(key="neurons.layer").value, app.number_input(key="neuron").value


def model_of(app: AppTest) -> Selectbox:
    """The widget that chooses model A; its key changes with every link that is opened."""
    return next(box for box in app.selectbox if box.label == "Model")


def test_the_page_opens_on_the_models_best_neuron_until_somebody_chooses_one(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLM_RUNS", str(ROOT / "runs"))
    best = {}
    for name in ("four-layer", "one-layer"):
        overview = kept_overview(name)
        assert overview is not None
        best[name] = (overview.neurons.best[0].layer, overview.neurons.best[0].neuron)
    assert best["four-layer"] != best["one-layer"] and best["four-layer"] != (0, 0)
    app = open_page("neurons", a="four-layer")
    assert chosen(app) == best["four-layer"]
    assert "confirmed" in said(app) and "shuffled labels reach" in said(app)
    model_of(app).set_value("one-layer").run()
    assert chosen(app) == best["one-layer"]
    app.number_input(key="neuron").set_value(3).run()
    model_of(app).set_value("four-layer").run()
    assert chosen(app) == (best["one-layer"][0], 3)
    app = open_page("neurons", a="four-layer", neuron=5)
    assert app.number_input(key="neuron").value == 5 and "In layer 0," in said(app)


def test_the_card_lists_the_tokens_of_the_highest_mean(open_page: Open, two_runs: Path) -> None:
    model = load_checkpoint("tiny")
    index = shipped_index(model)
    expected = token_values(model, index).top(index, model, 1, 7, k=6)
    app = open_page("neurons", a="tiny", layer=1, neuron=7)
    (shown,) = [one.value for one in app.dataframe if "of strongest" in one.value]
    assert shown["mean"].tolist() == [round(one.mean, 2) for one in expected]
    assert shown["occurs"].tolist() == [one.count for one in expected]


def test_figure_9_shows_the_first_twelve_neurons_of_both_models_and_their_controls(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLM_RUNS", str(ROOT / "runs"))
    app = open_page("neurons", a="four-layer", b="one-layer", show="Figure 9")
    assert not app.exception and not app.error
    text = said(app)
    assert "2.0 " in text.replace("**", "") and "2.11 " in text.replace("**", "")
    assert "0.11 " in text.replace("**", "")
    assert text.count("of random directions") == 2
    assert "hardly more aligned with roles than random directions" in text


def test_all_neurons_can_be_filtered_by_role_and_layer(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLM_RUNS", str(ROOT / "runs"))
    app = open_page("neurons", a="four-layer", show="All neurons")
    key = next(one.key for one in app.dataframe if one.key.startswith("every-table"))
    every = {one.key: one.value for one in app.dataframe}[key]
    assert every["AUC"].tolist() == sorted(every["AUC"].tolist(), reverse=True)
    app.selectbox(key="neurons.role").set_value("speech verb").run()
    part = {one.key: one.value for one in app.dataframe}[key]
    assert set(part["role"]) == {"speech verb"} and 0 < len(part) < len(every)
    app.selectbox(key="neurons.of_layer").set_value(1).run()
    there = {one.key: one.value for one in app.dataframe}[key]
    assert set(there["layer"]) == {1} and 0 < len(there) < len(part)
