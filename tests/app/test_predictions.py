"""The predictions page shows what the core computed, for A and for B, whatever is asked."""

from pathlib import Path

import numpy as np
import pytest

from slm.lens.ablation import ablate_heads
from slm.lens.attribution import attribute
from slm.lens.prediction import expectations
from slm.runs import load_checkpoint
from slm.stories import shipped
from tests.app.conftest import Open, figure_on, said, story_on

TEXT = shipped.stories()[0].text


def test_the_story_is_coloured_by_surprise_and_the_word_is_told(
    open_page: Open, two_runs: Path
) -> None:
    app = open_page("predictions", a="tiny", token=7)
    found = expectations(load_checkpoint("tiny"), TEXT)
    shown = story_on(app, "story-tiny@10")
    assert not app.exception and shown["selected"] == 7
    assert shown["values"][1:] == pytest.approx(found.surprise[1:].tolist(), abs=1e-3)
    assert f"{found.probability[7]:.1%}" in said(app) and f"rank {found.rank[7]:,}" in said(app)
    table = app.dataframe[0].value
    assert list(table["probability"]) == pytest.approx(found.chances[7].tolist())


@pytest.mark.parametrize("view", ["Layer by layer", "Parts", "Switched off"])
def test_every_view_works_for_a_beside_b(open_page: Open, two_runs: Path, view: str) -> None:
    app = open_page("predictions", a="tiny", b="other", view=view, token=9)
    assert not app.exception and not app.error
    assert story_on(app, "story-tiny@10")["selected"] == 9
    assert story_on(app, "story-other@0")["selected"] == 9  # the same tokenizer, so the same place


def test_parts_and_switched_off_show_the_cores_numbers(open_page: Open, two_runs: Path) -> None:
    checkpoint = load_checkpoint("tiny")
    tokens = expectations(checkpoint, TEXT).tokens[:10]
    app = open_page("predictions", a="tiny", view="Parts", token=9)
    bars = figure_on(app, "figure-parts-tiny@10-token9")["data"][0]["x"]
    parts = attribute(checkpoint, tokens[:-1], tokens[-1])
    assert bars == pytest.approx([value for _, value in parts.parts()], abs=1e-4)
    app = open_page("predictions", a="tiny", view="Switched off", token=9, replacement="zero")
    drawn = figure_on(app, "figure-without-tiny@10-token9-zero")["data"][0]["z"]
    loss = ablate_heads(checkpoint, tokens, "zero").loss
    assert np.allclose(np.array(drawn, dtype=float), loss, atol=1e-4)
    app.selectbox(key="off_layer").set_value(1).run()
    assert not app.exception
    assert figure_on(app, "figure-without-neurons-tiny@10-token9-layer1-zero")


def test_a_text_too_long_is_one_line(open_page: Open, two_runs: Path) -> None:
    app = open_page("predictions", a="tiny", story="My own text", text="7x" * 900)
    assert not app.exception and "must fit the context of 512 tokens" in said(app)
