"""The control for neurons' roles: random directions that read the same residual stream.

What a neuron tells may be what any direction tells, where the stream carries it. A random direction
is a neuron whose input weights are those of its layer, dealt anew over all of the layer's neurons and
dimensions; it reads the trained stream as the neuron does.
"""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from slm.model.weights import Block


def random_directions(block: Block, generator: torch.Generator) -> Block:
    """Permute the entries of a block's `W_in` and `W_gate`: the random-direction control."""

    def permuted(weights: Float[Tensor, "d_model d_mlp"]) -> Float[Tensor, "d_model d_mlp"]:
        entries = weights.detach().flatten()
        return entries[torch.randperm(len(entries), generator=generator)].view_as(weights)

    gate = None if block.W_gate is None else permuted(block.W_gate)
    return replace(block, W_in=permuted(block.W_in), W_gate=gate)


def firing_as_often(
    acts: Float[np.ndarray, "neuron word"], like: Float[np.ndarray, "neuron word"]
) -> Float[np.ndarray, "neuron word"]:
    """Shift each row of `acts` so that it fires on as many words as its row in `like`.

    The neuron's bias was learned for its own direction; without the shift a random direction would
    fire on half of all words, or on none. Equal values at the threshold do not fire.
    """
    count = acts.shape[1]
    ordered = np.sort(acts.astype(np.float32), axis=1)
    silent = count - (like > 0).sum(1)
    neurons = np.arange(len(acts))
    below = ordered[neurons, np.maximum(silent - 1, 0)]
    above = ordered[neurons, np.minimum(silent, count - 1)]
    threshold = np.where(silent == count, above, (below + above) / 2)
    threshold[silent == 0] = ordered[silent == 0, 0] - 1
    return (acts - threshold[:, None]).astype(acts.dtype)
