"""Logit effects of a neuron: the tokens whose logits it raises and lowers directly.

A neuron adds its row of W_out to the residual stream. The final LayerNorm takes the mean away,
divides by the stream's size and multiplies by its gain; then the unembedding reads. So the row is
centred and multiplied by the gain before it meets W_U, as in a model that was folded; without that
the list is another one. The size, which depends on the place, is left out: units are logits per unit
of activation at a place where the stream's standard deviation is 1. What later layers make of the
neuron is not in it (Elhage et al., 2021, "A mathematical framework", on direct paths).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from slm.interp.neurons.activations import check_neuron
from slm.runs import Address, Checkpoint

KEPT_TOKENS = 10


@dataclass(frozen=True, kw_only=True)
class Writes:
    """The tokens that a neuron promotes most, and suppresses most, each with its logit."""

    address: Address
    layer: int
    neuron: int
    promotes: tuple[tuple[str, float], ...]
    suppresses: tuple[tuple[str, float], ...]


def writes(checkpoint: Checkpoint, layer: int, neuron: int, *, k: int = KEPT_TOKENS) -> Writes:
    """Return the k tokens whose logits a neuron raises most and lowers most.

    Raises `BadInput` for a layer or neuron that the model does not have.
    """
    check_neuron(checkpoint, layer, neuron)
    logits = direct_logits(checkpoint, layer, neuron)
    k = min(k, len(logits))

    def named(largest: bool) -> tuple[tuple[str, float], ...]:
        values, ids = logits.topk(k, largest=largest)
        return tuple(
            zip(checkpoint.tokenizer.to_str_tokens(ids.tolist()), values.tolist(), strict=True)
        )

    return Writes(
        address=checkpoint.address,
        layer=layer,
        neuron=neuron,
        promotes=named(True),
        suppresses=named(False),
    )


@torch.no_grad()
def direct_logits(checkpoint: Checkpoint, layer: int, neuron: int) -> Float[Tensor, "d_vocab"]:
    """Compute a neuron's logit effect, W_out · W_U with the final norm's gain, less its mean.

    A constant added to all logits changes no probability, so the mean over the vocabulary is set to
    0.
    """
    weights = checkpoint.weights
    row = weights.blocks[layer].W_out[neuron]
    if checkpoint.config.normalization_type == "LN":  # an RMS norm takes no mean away
        row = row - row.mean()
    logits = weights.unembed @ (row * weights.ln_final_w)
    return logits - logits.mean()
