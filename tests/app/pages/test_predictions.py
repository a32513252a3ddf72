"""The predictions page shows what the core computed, for A and for B, whatever is asked."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from slm.generation.sampler import Sampling
from slm.interp.predictions.ablation import ablate_heads
from slm.interp.predictions.attribution import attribute
from slm.interp.predictions.intervention import parse_interventions, regenerate
from slm.interp.predictions.next_token import next_token_predictions, one_token
from slm.interp.predictions.patching import aligned, answers, log_prob_drop, patch
from slm.model.weights import initialise
from slm.runs import Checkpoint, load_checkpoint
from slm.stories import shipped
from slm.stories.tokenizer import Tokenizer
from tests.app.conftest import Open, figure_on, said, story_on

TEXT = shipped.stories()[0].text
OWN = "One day, Tom had a ball. It was the ball of Amy. Tom was happy."
PATCHED = {"view": "Filled in", "story": "My own text", "text": OWN, "replace": "Tom", "by": "Ben"}


def waited(app: AppTest, key: str) -> AppTest:
    """The page once a figure is found; a browser would tick."""
    for _ in range(60):
        if app.error or key in {chart.key for chart in app.get("plotly_chart")}:
            break
        app.run()
    return app


def test_the_story_is_coloured_by_surprise_and_the_word_is_told(
    open_page: Open, two_runs: Path
) -> None:
    app = open_page("predictions", a="tiny", token=7)
    found = next_token_predictions(load_checkpoint("tiny"), TEXT)
    shown = story_on(app, "story-tiny@10")
    assert not app.exception and shown["selected"] == 7
    assert shown["values"][1:] == pytest.approx(found.surprisal[1:].tolist(), abs=1e-3)
    assert f"{found.probability[7]:.1%}" in said(app) and f"rank {found.rank[7]:,}" in said(app)
    table = app.dataframe[0].value
    assert list(table["probability"]) == pytest.approx(found.probs[7].tolist())


@pytest.mark.parametrize("view", ["Layer by layer", "Parts", "Switched off"])
def test_every_view_works_for_a_beside_b(open_page: Open, two_runs: Path, view: str) -> None:
    app = open_page("predictions", a="tiny", b="other", view=view, token=9)
    assert not app.exception and not app.error
    assert story_on(app, "story-tiny@10")["selected"] == 9
    assert story_on(app, "story-other@0")["selected"] == 9  # the same tokenizer, so the same place


def test_parts_and_switched_off_show_the_cores_numbers(open_page: Open, two_runs: Path) -> None:
    checkpoint = load_checkpoint("tiny")
    tokens = next_token_predictions(checkpoint, TEXT).tokens[:10]
    app = open_page("predictions", a="tiny", view="Parts", token=9)
    figure = figure_on(app, "figure-parts-tiny@10-token9")
    assert figure["layout"]["xaxis"]["title"]["text"] == "logit minus the mean logit"
    bars = figure["data"][0]["x"]
    parts = attribute(checkpoint, tokens[:-1], tokens[-1])
    assert bars == pytest.approx([value for _, value in parts.parts()], abs=1e-4)
    app = open_page("predictions", a="tiny", view="Switched off", token=9, replacement="zero")
    drawn = figure_on(app, "figure-without-tiny@10-token9-zero")["data"][0]["z"]
    loss = ablate_heads(checkpoint, tokens, "zero").loss
    assert np.allclose(np.array(drawn, dtype=float), loss, atol=1e-4)
    app.selectbox(key="predictions.ablated_layer").set_value(1).run()
    waited(app, "figure-without-neurons-tiny@10-token9-layer1-zero")
    assert not app.exception
    assert figure_on(app, "figure-without-neurons-tiny@10-token9-layer1-zero")


def test_a_text_too_long_is_one_line(open_page: Open, two_runs: Path) -> None:
    app = open_page("predictions", a="tiny", story="My own text", text="7x" * 900)
    assert not app.exception and "must fit the context of 512 tokens" in said(app)


def test_the_views_that_intervene_work_for_a_beside_b(open_page: Open, two_runs: Path) -> None:
    app = open_page("predictions", a="tiny", b="other", token=9, **PATCHED)
    assert not app.exception
    assert all("nothing to restore" in str(error.value) for error in app.error)
    app = open_page(
        "predictions", a="tiny", b="other", view="Written again", off="0.1 0.n3=2", tokens=5
    )
    assert not app.exception and not app.error


def test_what_is_filled_in_is_what_the_core_restores(open_page: Open, two_runs: Path) -> None:
    checkpoint = load_checkpoint("tiny")
    first, second = aligned(checkpoint, OWN, OWN.replace("Tom", "Ben"))
    lost = log_prob_drop(checkpoint, first, second)
    at = int(np.nanargmax(lost))
    app = open_page("predictions", a="tiny", **PATCHED)
    press = next(button for button in app.button if button.label.startswith("Ask where it costs"))
    press.click().run()
    waited(app, f"figure-restored-tiny@10-token{at}-hook_resid_pre")
    assert not app.exception and app.number_input(key="token").value == at
    shown = story_on(app, "cost-tiny@10")["values"]
    assert [value is None for value in shown] == np.isnan(lost).tolist()
    said_first, said_second = answers(checkpoint, first[:at], second[:at])
    rival = said_second if said_second != first[at] else said_first
    if app.error:  # two random models may be as much for one as for the other
        assert "nothing to restore" in said(app)
        return
    found = patch(checkpoint, first[:at], second[:at], first[at], rival)
    drawn = figure_on(app, f"figure-restored-tiny@10-token{at}-hook_resid_pre")["data"][0]["z"]
    assert np.allclose(np.array(drawn), found.restored["hook_resid_pre"], atol=1e-3)


def test_a_word_that_the_story_lacks_is_named(open_page: Open, two_runs: Path) -> None:
    app = open_page("predictions", a="tiny", **{**PATCHED, "by": "zebra"})
    assert not app.exception and "must have as many tokens" in said(app)
    app = open_page("predictions", a="tiny", **{**PATCHED, "replace": "Zoe"})
    assert not app.exception and "'Zoe' does not" in said(app)


def test_a_story_is_written_again_as_the_core_writes_it(open_page: Open, two_runs: Path) -> None:
    app = open_page("predictions", a="tiny", view="Written again", token=9, tokens=6, seed=4)
    next(button for button in app.button if button.label.startswith("Without the head")).click()
    app.run()
    interventions = parse_interventions(str(app.text_input(key="predictions.interventions").value))
    checkpoint = load_checkpoint("tiny")
    before = TEXT[: next_token_predictions(checkpoint, TEXT).begins[9]]
    sampling = Sampling(temperature=0.8, max_tokens=6, seed=4, alternatives=6)
    found = regenerate(checkpoint, before, interventions, sampling)
    for key, story in (("whole", found.whole), ("switched", found.switched)):
        assert "".join(story_on(app, f"{key}-tiny@10")["str_tokens"]) == story.text
    assert f"{found.kept.mean:.0%}" in said(app)


def test_the_word_asked_about_stands_in_the_link(open_page: Open, two_runs: Path) -> None:
    checkpoint = load_checkpoint("tiny")
    found = next_token_predictions(checkpoint, OWN)
    at = found.str_tokens.index(" ball")
    asked = {**PATCHED, "view": "Parts", "token": at, "word": "kite", "rival": "cake"}
    app = open_page("predictions", a="tiny", **asked)
    assert not app.exception and not app.error
    kite, cake = (one_token(checkpoint, word) for word in (" kite", " cake"))
    parts = attribute(checkpoint, found.tokens[:at], kite, cake)
    figure = figure_on(app, f"figure-parts-tiny@10-token{at}")
    assert figure["layout"]["xaxis"]["title"]["text"] == "logit minus that of cake"
    bars = figure["data"][0]["x"]
    assert bars == pytest.approx([value for _, value in parts.parts()], abs=1e-4)
    app.number_input(key="token").set_value(11).run()  # another place: another question
    assert app.selectbox(key="predictions.word").value == "the one that stands there"


def test_places_are_found_again_where_a_character_is_split(checkpoint: Checkpoint) -> None:
    text = "Tom saw a 🦊 at the park."
    ours = next_token_predictions(checkpoint, text)
    whole = Tokenizer.train([text] * 40, 512)
    config = replace(checkpoint.config, d_vocab=whole.d_vocab)
    fits = replace(checkpoint, tokenizer=whole, config=config, weights=initialise(config, 0))
    other = next_token_predictions(fits, text)
    assert len(set(ours.begins[1:])) < len(ours.tokens) - 1  # tokens that share the fox
    assert ours.tokens != other.tokens
    for at in range(1, len(other.tokens)):
        there = ours.place(other, at)
        assert ours.begins[there] <= other.begins[at]
        assert there == len(ours.tokens) - 1 or ours.begins[there + 1] >= ours.begins[there]
        later = [b for b in ours.begins[1:] if b <= other.begins[at]]
        assert ours.begins[there] == max(later)
    for at in range(1, len(ours.tokens)):
        assert ours.place(ours, at) == at
