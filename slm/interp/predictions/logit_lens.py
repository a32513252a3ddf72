"""The logit lens (nostalgebraist 2020): what would be said if the model stopped after each layer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from slm.model import functional
from slm.runs import Address, Checkpoint


@dataclass(frozen=True, kw_only=True, eq=False)
class LogitLens:
    """At each stage of the residual stream, the distribution that its own final norm would give.

    `stages` are `embedding`, then `attention L` and `MLP L` for each layer. `probability[stage, pos]`
    is that of the token which stands at `pos`, predicted from those before; column 0 is NaN.
    `likeliest[stage, pos]` is the token that the stage would say.
    """

    address: Address
    stages: tuple[str, ...]
    probability: Float[np.ndarray, "stage pos"]
    likeliest: Int[np.ndarray, "stage pos"]


@torch.no_grad()
def logit_lens(checkpoint: Checkpoint, tokens: Sequence[int]) -> LogitLens:
    """Unembed the residual stream after every attention and MLP, its norm computed afresh each time.

    The last stage is the model's own prediction. `tokens` begin with END and fit the context.
    """
    weights = checkpoint.weights
    targets = torch.tensor(list(tokens[1:]))
    x = functional.embed(weights, torch.tensor([list(tokens)]))
    stages, streams = ["embedding"], [x]
    for layer in range(checkpoint.config.n_layers):
        for name, add in (("attention", functional.add_attention), ("MLP", functional.add_mlp)):
            x = add(weights, layer, x)
            stages.append(f"{name} {layer}")
            streams.append(x)
    probability = torch.full((len(stages), len(tokens)), float("nan"))
    likeliest = torch.zeros((len(stages), len(tokens)), dtype=torch.long)
    for row, stream in enumerate(streams):  # one after the other: all logits at once are large
        logits = functional.unembed(weights, functional.ln_final(weights, stream[0, :-1]))
        found = logits.softmax(-1)
        probability[row, 1:] = found[torch.arange(len(targets)), targets]
        likeliest[row, 1:] = logits.argmax(-1)
    return LogitLens(
        address=checkpoint.address,
        stages=tuple(stages),
        probability=probability.numpy(),
        likeliest=likeliest.numpy(),
    )
