"""Attention: a head built by hand is seen for what it is, and hiding the first token is exact."""

import numpy as np
import pytest
import torch

from slm.errors import BadInput
from slm.interp.attention import attention
from slm.model.config import ModelConfig
from slm.model.hooked import hooked, run_with_cache
from slm.model.weights import empty
from slm.runs import Address, Checkpoint
from slm.stories.tokenizer import Tokenizer


@pytest.fixture
def looks_back_two(tokenizer: Tokenizer) -> Checkpoint:
    """One head, built by hand, whose every token looks two tokens back.

    Position p is the vector +1 at p, -1 at p + 16 (so LayerNorm only scales it). Keys are these
    vectors; the query of p is the key of p - 2, times a hundred.
    """
    config = ModelConfig(
        d_model=32, n_layers=1, n_heads=1, d_vocab=tokenizer.d_vocab, n_ctx=16, attn_scale=False
    )
    weights = empty(config)
    for position in range(16):
        weights.W_pos[position, position] = 1.0
        weights.W_pos[position, position + 16] = -1.0
        weights.blocks[0].W_QKV[position, 32 + position] = 1.0
        if position >= 2:
            weights.blocks[0].W_QKV[position, position - 2] = 100.0
    return Checkpoint(
        address=Address("golden", 0), config=config, weights=weights, tokenizer=tokenizer
    )


def test_a_head_built_to_look_two_back_looks_two_back(looks_back_two: Checkpoint) -> None:
    view = attention(looks_back_two, "One day, Amy had a ball.")
    for query in range(2, len(view.tokens)):
        assert view.pattern[0, 0, query, query - 2] > 0.99
    assert view.argmax_keys(0, 0)[5] == (5, 3)
    assert view.str_tokens[0] == "<|endoftext|>"
    assert "".join(view.str_tokens[1:]) == "One day, Amy had a ball."


def test_rows_sum_to_one_and_nobody_looks_ahead(checkpoint: Checkpoint) -> None:
    view = attention(checkpoint, "Tom went to the park.")
    assert np.allclose(view.pattern.sum(-1), 1, atol=1e-5)
    assert not np.triu(view.pattern, 1).any()


def test_hiding_the_first_token_keeps_the_proportions_of_the_rest(checkpoint: Checkpoint) -> None:
    view = attention(checkpoint, "Tom went to the park.")
    hidden = view.without_first()
    assert not hidden.pattern[..., 0].any()
    assert np.allclose(hidden.pattern[:, :, 1:].sum(-1), 1, atol=1e-5)
    before, after = view.pattern[0, 1, 5], hidden.pattern[0, 1, 5]
    assert after[2] / after[3] == pytest.approx(before[2] / before[3], rel=1e-4)
    assert np.array_equal(hidden.bos_attention, view.bos_attention)
    assert view.bos_attention == pytest.approx(view.pattern[:, :, 1:, 0].mean(-1))


def test_a_text_must_fit_the_context(checkpoint: Checkpoint) -> None:
    with pytest.raises(BadInput, match="at least one token"):
        attention(checkpoint, "")
    with pytest.raises(BadInput, match="context of 48 tokens"):
        attention(checkpoint, "ha " * 100)


def test_looking_leaves_the_weights_alone(checkpoint: Checkpoint) -> None:
    before = checkpoint.weights.W_E.clone()
    attention(checkpoint, "Tom went to the park.")
    assert torch.equal(before, checkpoint.weights.W_E)


def test_patterns_and_what_is_moved_are_those_of_the_hooked_model(checkpoint: Checkpoint) -> None:
    view = attention(checkpoint, "Tom went to the park.")
    names = [f"blocks.{layer}.attn.hook_{kind}" for layer in range(2) for kind in ("pattern", "v")]
    model = hooked(checkpoint.weights)
    _, cache = run_with_cache(model, torch.tensor([view.tokens]), names)
    for layer in range(2):
        pattern = cache[f"blocks.{layer}.attn.hook_pattern"][0]
        assert np.allclose(view.pattern[layer], pattern, atol=1e-5)
        for head in range(2):
            v = cache[f"blocks.{layer}.attn.hook_v"][0, :, head]
            alone = (v @ model.blocks[layer].attn.W_O[head]).norm(dim=-1)
            assert np.allclose(view.value_norm[layer, head], alone.detach(), atol=1e-5)


def test_weighing_by_size_prefers_what_moves_more(checkpoint: Checkpoint) -> None:
    view = attention(checkpoint, "Tom went to the park.")
    weighed = view.value_weighted()
    assert np.allclose(weighed.pattern.sum(-1), 1, atol=1e-5)
    ratio = weighed.pattern[1, 0, 4, 1:4] / view.pattern[1, 0, 4, 1:4]
    assert ratio / ratio[0] == pytest.approx(
        view.value_norm[1, 0, 1:4] / view.value_norm[1, 0, 1], rel=1e-3
    )
