"""Models to compare: the tiny one with its heads and neurons in another order, and one of other tokens."""

from dataclasses import replace

import pytest
import torch

from slm.model.config import ModelConfig
from slm.model.weights import Weights, initialise
from slm.runs import Address, Checkpoint
from slm.stories.tokenizer import Tokenizer
from tests.conftest import little_stories


def permuted(
    checkpoint: Checkpoint, heads: list[list[int]], neurons: list[list[int]]
) -> Checkpoint:
    """The same model: head n of a layer is head `heads[layer][n]` of the original, and so neurons."""
    config, weights = checkpoint.config, checkpoint.weights
    blocks = []
    for block, by_head, by_neuron in zip(weights.blocks, heads, neurons, strict=True):
        shape = (config.d_model, 3, config.n_heads, config.d_head)
        blocks.append(
            replace(
                block,
                W_QKV=block.W_QKV.view(shape)[:, :, by_head].reshape(block.W_QKV.shape),
                b_QKV=block.b_QKV.view(shape[1:])[:, by_head].reshape(-1),
                W_O=block.W_O.view(config.n_heads, config.d_head, -1)[by_head].flatten(0, 1),
                W_in=block.W_in[:, by_neuron],
                b_in=block.b_in[by_neuron],
                W_out=block.W_out[by_neuron],
            )
        )
    leaves = {**vars(weights), "blocks": tuple(blocks)}
    return replace(checkpoint, weights=Weights(**leaves), address=Address("permuted", 0))


@pytest.fixture(scope="session")
def coarse() -> Tokenizer:
    """A tokenizer that learned other words."""
    return Tokenizer.train([story[::-1] for story in little_stories(200)], 400 + 200)


@pytest.fixture
def other(coarse: Tokenizer) -> Checkpoint:
    """A random model of another shape that reads other tokens."""
    config = ModelConfig(d_model=8, n_layers=1, n_heads=2, d_vocab=coarse.d_vocab, n_ctx=64)
    weights = initialise(config, 3)
    with torch.no_grad():
        draw = torch.Generator().manual_seed(4)
        for _, leaf in weights.named_parameters():
            leaf.add_(torch.randn(leaf.shape, generator=draw) * 0.2)
    return Checkpoint(address=Address("other", 0), config=config, weights=weights, tokenizer=coarse)
