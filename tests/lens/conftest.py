"""A model with one neuron whose meaning is known, because it was built."""

import pytest

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
