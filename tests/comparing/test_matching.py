"""A model matches itself exactly, in whatever order its parts stand; what has no counterpart says so."""

from dataclasses import replace

import pytest
import torch

from slm.comparing.matching import match_heads, match_neurons
from slm.errors import BadInput
from slm.model.config import ModelConfig
from slm.model.weights import initialise
from slm.runs import Address, Checkpoint
from slm.stories.tokenizer import Tokenizer
from tests.comparing.conftest import permuted
from tests.conftest import little_stories

TEXTS = little_stories(6)


@pytest.fixture
def four_heads(tokenizer: Tokenizer) -> Checkpoint:
    """A random model of two layers of four heads whose patterns are far from even."""
    config = ModelConfig(d_model=16, n_layers=2, n_heads=4, d_vocab=tokenizer.d_vocab, n_ctx=64)
    weights = initialise(config, 5)
    with torch.no_grad():
        draw = torch.Generator().manual_seed(6)
        for _, leaf in weights.named_parameters():
            leaf.add_(torch.randn(leaf.shape, generator=draw) * 0.5)
    return Checkpoint(
        address=Address("four", 0), config=config, weights=weights, tokenizer=tokenizer
    )


def test_heads_and_neurons_in_another_order_are_found_exactly(four_heads: Checkpoint) -> None:
    heads = [[2, 0, 3, 1], [1, 3, 2, 0]]
    draw = torch.Generator().manual_seed(0)
    neurons = [torch.randperm(64, generator=draw).tolist() for _ in range(2)]
    shuffled = permuted(four_heads, heads, neurons)
    for match, order, count in ((match_heads, heads, 4), (match_neurons, neurons, 64)):
        found = match(four_heads, shuffled, TEXTS)
        assert len(found.pairs) == 2 * count and not found.unmatched_a and not found.unmatched_b
        assert all(pair.similarity == pytest.approx(1, abs=1e-4) for pair in found.pairs)
        assert {(pair.b, pair.a) for pair in found.pairs} == {
            ((layer, new), (layer, old))
            for layer, by in enumerate(order)
            for new, old in enumerate(by)
        }


def test_neurons_that_read_the_same_are_matched_however_seldom_they_fire(
    four_heads: Checkpoint,
) -> None:
    """The last layer's biases only move where each neuron fires, not what its pre-activation follows."""
    block = four_heads.weights.blocks[1]
    rarer = replace(block, b_in=block.b_in - 4)
    weights = replace(four_heads.weights, blocks=(four_heads.weights.blocks[0], rarer))
    found = match_neurons(four_heads, replace(four_heads, weights=weights), TEXTS)
    assert found.in_place == len(found.pairs) == 2 * 64
    assert all(pair.similarity == pytest.approx(1, abs=1e-4) for pair in found.pairs)


def test_a_model_is_in_place_beside_itself(four_heads: Checkpoint) -> None:
    found = match_heads(four_heads, four_heads, TEXTS)
    assert found.in_place == len(found.pairs) == 8


def test_units_of_models_that_have_nothing_in_common_stay_alone(
    four_heads: Checkpoint, other: Checkpoint
) -> None:
    found = match_neurons(four_heads, other, TEXTS)
    assert len(found.pairs) + len(found.unmatched_a) == 2 * 64
    assert len(found.pairs) + len(found.unmatched_b) == 32
    assert len(found.unmatched_b) > 16 and len(found.unmatched_a) > 100
    for alone in found.unmatched_b:
        layer, neuron = alone.nearest
        assert found.similarity[layer * 64 + neuron, alone.unit[1]] == pytest.approx(
            alone.similarity
        )
        assert alone.similarity == pytest.approx(found.similarity[:, alone.unit[1]].max())


def test_heads_are_matched_across_tokenizers(four_heads: Checkpoint, other: Checkpoint) -> None:
    found = match_heads(four_heads, other, TEXTS)
    assert found.similarity.shape == (8, 2) and abs(found.similarity).max() <= 1


def test_a_neuron_that_never_changes_is_like_no_other(four_heads: Checkpoint) -> None:
    block = four_heads.weights.blocks[0]
    dead = block.W_in.clone()
    dead[:, 7] = 0
    weights = replace(
        four_heads.weights, blocks=(replace(block, W_in=dead), four_heads.weights.blocks[1])
    )
    found = match_neurons(four_heads, replace(four_heads, weights=weights), TEXTS)
    assert (0, 7) in [alone.unit for alone in found.unmatched_b]


def test_texts_are_cut_to_the_shorter_context_and_none_is_an_error(
    four_heads: Checkpoint, other: Checkpoint
) -> None:
    assert match_heads(four_heads, other, [" ".join(little_stories(9))]).similarity.shape == (8, 2)
    with pytest.raises(BadInput, match="more than one letter"):
        match_heads(four_heads, other, ["a"])
