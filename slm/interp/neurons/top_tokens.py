"""Rank the tokens that excite each neuron by its mean value on all places where they stand.

The index keeps places; this keeps tokens. The stories of an index are read once, every place counts,
and means are exact. Values are of `ranked_hook`: the pre-activation of an ungated neuron.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from slm.errors import BadInput
from slm.interp.neurons.activations import check_neuron, ranked_hook
from slm.interp.neurons.index import Index
from slm.interp.neurons.summary import named
from slm.interp.neurons.tally import batches
from slm.model import functional
from slm.runs import Checkpoint

K = 10
"""Tokens that are listed of a neuron."""
LEAST = 2
"""A token that occurs less often is not listed: one place is no mean."""
STORIES = 200
"""The first so many stories of an index are read where nothing else is said."""


@dataclass(frozen=True, kw_only=True)
class TopToken:
    """A token by what a neuron makes of it: `mean` and `highest` value over its `count` places.

    `of_strongest` is its share of the neuron's strongest places where it fires (at most 20, one in a
    story), of the whole index.
    """

    token: str
    mean: float
    highest: float
    count: int
    of_strongest: float


@dataclass(frozen=True, kw_only=True, eq=False)
class TokenValues:
    """Every neuron's mean and highest value on each token of the stories that were read.

    `ids` are the tokens that occur, in order, `count` how often. `n_tokens` places were read, in
    `n_stories` stories.
    """

    ids: Int[np.ndarray, "token"]
    count: Int[np.ndarray, "token"]
    mean: Float[np.ndarray, "layer token neuron"]
    highest: Float[np.ndarray, "layer token neuron"]
    n_stories: int

    @property
    def n_tokens(self) -> int:
        """Places that were read."""
        return int(self.count.sum())

    def top(
        self,
        index: Index,
        checkpoint: Checkpoint,
        layer: int,
        neuron: int,
        *,
        k: int = K,
        least: int = LEAST,
    ) -> list[TopToken]:
        """Return the k tokens of the highest mean among those that occur `least` times or more.

        Raises `BadInput` for a layer or neuron that the model does not have, and for a `k` or `least`
        below 1.
        """
        check_neuron(checkpoint, layer, neuron)
        for name, value in (("k", k), ("least", least)):
            if value < 1:
                raise BadInput(f"{name} must be 1 or more, not {value}")
        mean = np.where(self.count >= least, self.mean[layer, :, neuron], -np.inf)
        order = np.argsort(-mean, kind="stable")[:k]
        order = order[np.isfinite(mean[order])]
        places = index.top_tokens()[layer, neuron]
        places = places[places >= 0]
        words = checkpoint.tokenizer.to_str_tokens(self.ids[order].tolist())
        return [
            TopToken(
                token=word,
                mean=float(mean[at]),
                highest=float(self.highest[layer, at, neuron]),
                count=int(self.count[at]),
                of_strongest=float((places == self.ids[at]).mean()) if len(places) else 0.0,
            )
            for word, at in zip(words, order.tolist(), strict=True)
        ]


@torch.no_grad()
def token_values(checkpoint: Checkpoint, index: Index, stories: int = STORIES) -> TokenValues:
    """Read the first `stories` stories of an index, and take every neuron's values by token.

    Memory is 2 floats for each neuron and each token that occurs. Raises `BadInput` for `stories`
    below 1.
    """
    if stories < 1:
        raise BadInput(f"stories must be 1 or more, not {stories}")
    read = min(stories, index.n_stories)
    ids, count = np.unique(np.asarray(index.ids[: index.starts[read]]), return_counts=True)
    config = checkpoint.config
    row_of = torch.zeros(config.d_vocab, dtype=torch.long)
    row_of[torch.from_numpy(ids.astype(np.int64))] = torch.arange(len(ids))
    shape = (config.n_layers, len(ids), config.d_mlp)
    total, highest = torch.zeros(shape), torch.full(shape, float("-inf"))
    hook = f"mlp.{ranked_hook(config)}"
    layers = {f"blocks.{layer}.{hook}": layer for layer in range(config.n_layers)}
    for batch in batches([index.tokens(story) for story in range(read)], config.n_ctx):
        there = batch.counts()
        rows = row_of[batch.rows[there]]

        def take(
            name: str, act: functional.Act, there: Tensor = there, rows: Tensor = rows
        ) -> None:
            if (layer := layers.get(name)) is None:
                return
            assert isinstance(act, Tensor)
            values = act[there].float()
            total[layer].index_add_(0, rows, values)
            highest[layer].scatter_reduce_(0, rows[:, None].expand_as(values), values, "amax")

        functional.hidden(checkpoint.weights, batch.rows, hook=take)
    mean = total.numpy() / count[:, None].astype(np.float32)
    return TokenValues(
        ids=ids.astype(np.int64),
        count=count,
        mean=mean,
        highest=highest.numpy(),
        n_stories=read,
    )


def top_tokens_json(
    checkpoint: Checkpoint,
    layer: int,
    neuron: int,
    index: Index,
    values: TokenValues,
    top: list[TopToken],
) -> dict[str, Any]:
    """Return a neuron's top tokens as plain values, with what was read."""
    return {
        **named(checkpoint, layer, neuron),
        "corpus": index.corpus,
        "stories": values.n_stories,
        "tokens": values.n_tokens,
        "top_tokens": [asdict(one) for one in top],
    }
