"""A model with one neuron whose meaning is known, because it was built; and one that is gated."""

from dataclasses import replace

import pytest
import torch

from slm.model.weights import initialise
from slm.runs import Checkpoint


@pytest.fixture
def park_neuron(checkpoint: Checkpoint) -> Checkpoint:
    """Neuron 7 of layer 0 made to fire at the token " park" and nowhere else.

    Attention writes nothing; " park" has an embedding of its own direction, which LayerNorm keeps.
    """
    (park,) = checkpoint.tokenizer.encode(" park")
    block = checkpoint.weights.blocks[0]
    for leaf in (block.W_O, block.b_O, block.ln2_b, checkpoint.weights.W_pos):
        leaf.zero_()
    block.ln2_w.fill_(1.0)
    checkpoint.weights.W_E[:, :2] = 0.0
    checkpoint.weights.W_E[park] = 0.0
    checkpoint.weights.W_E[park, 0], checkpoint.weights.W_E[park, 1] = 1.0, -1.0
    block.W_in[:, 7] = 0.0
    block.W_in[0, 7], block.W_in[1, 7] = 1.0, -1.0
    block.b_in[7] = -1.0
    block.W_out[7] = 0.0
    block.W_out[7, 2], block.W_out[7, 3] = 1.0, -1.0
    return checkpoint


def with_gates(checkpoint: Checkpoint) -> Checkpoint:
    """A random model of the same shape whose MLPs are gated."""
    config = replace(checkpoint.config, gated_mlp=True)
    weights = initialise(config, 3)
    with torch.no_grad():
        for _, leaf in weights.named_parameters():
            leaf.add_(torch.randn(leaf.shape, generator=torch.Generator().manual_seed(4)) * 0.2)
    return replace(checkpoint, config=config, weights=weights)
