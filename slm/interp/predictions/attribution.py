"""Direct logit attribution: a token's logit, less a baseline, as the sum of every part's write.

The logit of a token is a linear function of the residual stream, once the final norm divides by what
it divided by in this run (direct logit attribution: Elhage et al. 2021, "A Mathematical Framework for
Transformer Circuits"). What is added to all logits alike moves no probability, so the logit is taken
from its mean over the vocabulary, which comes to centring W_U and b_U as TransformerLens does
(`center_unembed`); or from the logit of a foil. Each part's share of that difference is known
exactly, and the shares sum to it. Only the direct way is counted: what a part does through later
parts is theirs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from slm.errors import BadInput
from slm.model import functional
from slm.model.weights import Weights
from slm.runs import Address, Checkpoint


@dataclass(frozen=True, kw_only=True, eq=False)
class Attribution:
    """The logit of `word` minus `baseline`, part by part.

    `baseline` is the logit of `foil`, or where that is None the mean logit of the vocabulary.
    `heads[layer, head]`, `mlps[layer]` and `neurons[layer, neuron]` (which sum to `mlps`) hold no
    biases: these are in `biases`, by name. All parts but `neurons` sum to `difference`. `position`
    is None where positions are rotary: they write nothing to the stream.
    """

    address: Address
    word: str
    foil: str | None
    logit: float
    baseline: float
    token: float
    position: float | None
    heads: Float[np.ndarray, "layer head"]
    mlps: Float[np.ndarray, "layer"]
    neurons: Float[np.ndarray, "layer neuron"]
    biases: dict[str, float]

    @property
    def difference(self) -> float:
        """The logit less its baseline: what the parts sum to."""
        return self.logit - self.baseline

    @property
    def total(self) -> float:
        """The sum of all parts."""
        parts = float(self.heads.sum() + self.mlps.sum()) + sum(self.biases.values())
        return self.token + (self.position or 0.0) + parts

    def parts(self) -> list[tuple[str, float]]:
        """Every part by name, the one that says most for the word first."""
        named = [("token embedding", self.token)]
        if self.position is not None:
            named.append(("position embedding", self.position))
        named += [
            (f"head {layer}.{head}", float(value))
            for (layer, head), value in np.ndenumerate(self.heads)
        ]
        named += [(f"MLP {layer}", float(value)) for layer, value in enumerate(self.mlps)]
        named += list(self.biases.items())
        return sorted(named, key=lambda part: -part[1])


@torch.no_grad()
def attribute(
    checkpoint: Checkpoint, tokens: Sequence[int], word: int, foil: int | None = None
) -> Attribution:
    """Take apart the logit of `word` after `tokens` (END first), less the mean or that of `foil`.

    Raises `BadInput` where there is nothing to predict from, or no room.
    """
    config, weights = checkpoint.config, checkpoint.weights
    if not 1 <= len(tokens) <= config.n_ctx:
        raise BadInput(f"a prompt takes 1 to {config.n_ctx} tokens, not {len(tokens)}")
    layers, last = range(config.n_layers), len(tokens) - 1
    cache = functional.ActivationCache(
        [f"blocks.{layer}.attn.hook_z" for layer in layers]
        + [f"blocks.{layer}.mlp.hook_post" for layer in layers]
        + [f"blocks.{config.n_layers - 1}.hook_resid_post"]
    )
    final = functional.hidden(weights, torch.tensor([list(tokens)]), hook=cache)[0, -1]
    stream = cache[f"blocks.{config.n_layers - 1}.hook_resid_post"][0, -1]

    def less_baseline(of: Tensor) -> Tensor:
        return of[word] - (of.mean(0) if foil is None else of[foil])

    wanted, b_U = less_baseline(weights.unembed), less_baseline(weights.b_U)
    logits = functional.unembed(weights, final)
    reader = _reader(weights, stream, wanted)

    z = torch.stack([cache[f"blocks.{layer}.attn.hook_z"][0, -1] for layer in layers])
    post = torch.stack([cache[f"blocks.{layer}.mlp.hook_post"][0, -1] for layer in layers])
    W_O = torch.stack([block.W_O for block in weights.blocks])
    W_out = torch.stack([block.W_out for block in weights.blocks])
    written = torch.einsum("lhd,lhdm->lhm", z, W_O.view(*z.shape, config.d_model))
    neurons = post * (W_out @ reader)
    str_tokens = checkpoint.tokenizer.to_str_tokens
    return Attribution(
        address=checkpoint.address,
        word=str_tokens([word])[0],
        foil=None if foil is None else str_tokens([foil])[0],
        logit=float(logits[word]),
        baseline=float(logits.mean() if foil is None else logits[foil]),
        token=float(weights.W_E[tokens[-1]] @ reader),
        position=None if weights.W_pos is None else float(weights.W_pos[last] @ reader),
        heads=(written @ reader).numpy(),
        mlps=neurons.sum(-1).numpy(),
        neurons=neurons.numpy(),
        biases={
            "biases of attention": float(sum(block.b_O @ reader for block in weights.blocks)),
            "biases of MLPs": float(sum(block.b_out @ reader for block in weights.blocks)),
            "bias of the final norm": 0.0
            if weights.ln_final_b is None
            else float(weights.ln_final_b @ wanted),
            "bias of the unembedding": float(b_U),
        },
    )


def _reader(
    weights: Weights, stream: Float[Tensor, "d_model"], wanted: Float[Tensor, "d_model"]
) -> Float[Tensor, "d_model"]:
    """Return the direction whose dot product with a write is its logit, the final norm's scale frozen.

    Centring the direction equals the LayerNorm's centring of its input; an RMS norm does not centre.
    """
    if weights.config.normalization_type == "RMS":
        return weights.ln_final_w * wanted / (stream.square().mean() + weights.config.eps).sqrt()
    scale = (stream.var(unbiased=False) + weights.config.eps).sqrt()
    direction = weights.ln_final_w * wanted / scale
    return direction - direction.mean()
