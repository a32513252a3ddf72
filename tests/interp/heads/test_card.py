"""A head's card holds what the atlas says of it, and the places at which it does so."""

from functools import partial

import numpy as np
import pytest

from slm.errors import BadInput
from slm.interp.heads.atlas import head_atlas
from slm.interp.heads.card import head_card, layer_and_head
from slm.interp.heads.examples import head_examples
from slm.progress import result_of
from slm.stories.tokenizer import Tokenizer
from tests.interp import golden_heads


def test_a_card_tells_the_labels_the_surest_ablation_effect_first(tokenizer: Tokenizer) -> None:
    golden = golden_heads.completes_repeats(tokenizer)
    atlas = result_of(head_atlas(golden, stories=16), lambda _: None)
    card = head_card(atlas.scores, atlas, 1, 0, partial(head_examples, golden))
    low = [
        float(atlas.effect.low[1, 0, atlas.scores.kinds.index(one.kind)])
        for one in card.labels
        if one.confirmed
    ]
    assert len(low) > 1 and low == sorted(low, reverse=True)
    assert [one.confirmed for one in card.labels] == sorted(
        (one.confirmed for one in card.labels), reverse=True
    )
    data = card.to_json()
    at = (1, 0, atlas.scores.kinds.index(card.labels[0].kind))
    assert data["labels"][0]["score"][0] == pytest.approx(atlas.scores.score.mean[at], abs=1e-5)
    assert data["labels"][0]["effect"][1] == pytest.approx(atlas.effect.low[at], abs=1e-5)
    assert len(data["examples"]) == len(card.examples) > 0
    untested = head_card(atlas.scores, None, 1, 0, partial(head_examples, golden)).to_json()
    assert [one["confirmed"] for one in untested["labels"]] == [None] * len(untested["labels"])
    assert untested["labels"][0]["effect"] == [None] * 3


def test_a_head_without_a_label_has_no_examples_and_its_peak(tokenizer: Tokenizer) -> None:
    golden = golden_heads.looks_back(tokenizer, 3)
    atlas = result_of(head_atlas(golden, stories=16), lambda _: None)
    assert head_card(atlas.scores, atlas, 0, 1, partial(head_examples, golden)).examples == ()
    card = head_card(atlas.scores, atlas, 0, 0, partial(head_examples, golden))
    assert card.peak == 3 == int(np.argmax(card.to_json()["profile"]))
    assert card.examples[0].query - card.examples[0].key == 3


@pytest.mark.parametrize("written", ["1", "1.0", "0.2", "0.x", ""])
def test_a_head_that_is_not_there_is_one_line(written: str, tokenizer: Tokenizer) -> None:
    config = golden_heads.looks_back(tokenizer, 1).config
    assert layer_and_head("0.1", config) == (0, 1)
    with pytest.raises(BadInput, match=r"a head is written layer.head, from 0.0 to 0.1, not"):
        layer_and_head(written, config)
