"""Finding neurons: by a token, by a place in a text, by how rarely they fire, by what they keep to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slm.errors import BadInput
from slm.interp.neurons.activations import KEPT, activations
from slm.interp.neurons.index import Index
from slm.interp.predictions.next_token import one_token
from slm.runs import Checkpoint


@dataclass(frozen=True, kw_only=True)
class FoundNeuron:
    """A neuron: the share of tokens it fires on, its `highest` value, and what it keeps to.

    `token` stands at `count` of its strongest places, where it fires (it is the token that was asked
    for, or the commonest there). `value` is the one at the place that was asked about, if any, and
    `above` the share of all tokens on which it is as high. Values are of `ranked_hook`.
    """

    layer: int
    neuron: int
    fires: float
    highest: float
    token: str
    count: int
    value: float | None = None
    above: float | None = None


def by_token(
    index: Index, checkpoint: Checkpoint, token: str, *, k: int = KEPT
) -> list[FoundNeuron]:
    """Find neurons whose top activations are on `token`, those with most of them first.

    Raises `BadInput` where `token` is not one token of the model's vocabulary.
    """
    same = index.top_tokens() == one_token(checkpoint, token)
    counts = same.sum(-1)
    best = np.where(same, index.value[0], -np.inf).max(-1)
    order = np.lexsort((-best.ravel(), -counts.ravel()))[:k]
    return [
        found
        for found in _described(index, checkpoint, order, counts, [token] * len(order), best)
        if found.count
    ]


def by_place(
    index: Index, checkpoint: Checkpoint, tokens: Sequence[int], position: int, *, k: int = KEPT
) -> list[FoundNeuron]:
    """Find neurons that fire at a position of a text, those that are rarely as high first.

    `tokens` begin with END. Raises `BadInput` for a position that the text does not have.
    """
    if not 0 <= position < len(tokens):
        raise BadInput(f"a position lies between 0 and {len(tokens) - 1}, not at {position}")
    (acts,) = activations(checkpoint, [tokens])
    here = acts[:, position].numpy()
    above = index.share_above(here)
    beyond = here / np.maximum(index.highest, 1e-9)
    order = np.lexsort((-beyond.ravel(), np.where(here > 0, above, 2.0).ravel()))[:k]
    order = order[here.ravel()[order] > 0]
    str_tokens, counts = _commonest(index, checkpoint)
    return _described(
        index, checkpoint, order, counts, [str_tokens[at] for at in order], here, above
    )


def rarest(index: Index, checkpoint: Checkpoint, *, k: int = KEPT) -> list[FoundNeuron]:
    """Find the neurons that fire least often, dead ones left out."""
    fired = index.fired.ravel()
    order = np.lexsort((-index.highest.ravel(), np.where(fired > 0, fired, np.iinfo(int).max)))[:k]
    str_tokens, counts = _commonest(index, checkpoint)
    order = order[fired[order] > 0]
    return _described(index, checkpoint, order, counts, [str_tokens[at] for at in order])


def most_selective(index: Index, checkpoint: Checkpoint, *, k: int = KEPT) -> list[FoundNeuron]:
    """Find the neurons whose top activations are most often on one token; ties to the rarer."""
    str_tokens, counts = _commonest(index, checkpoint)
    fired = index.fired.ravel()
    order = np.lexsort((fired, -np.where(fired > 0, counts.ravel(), -1)))[:k]
    order = order[fired[order] > 0]
    return _described(index, checkpoint, order, counts, [str_tokens[at] for at in order])


def _commonest(index: Index, checkpoint: Checkpoint) -> tuple[list[str], np.ndarray]:
    """Return the most frequent token among each neuron's top activations, and its count.

    Tokens are a list over all neurons, layer by layer; counts [layer, neuron]. Ties go to the
    stronger activation.
    """
    tokens = index.top_tokens()
    counts = (tokens[..., :, None] == tokens[..., None, :]).sum(-1)
    counts = np.where(tokens >= 0, counts, 0)
    best = counts.argmax(-1)[..., None]
    common = np.take_along_axis(tokens, best, -1)[..., 0]
    often = np.take_along_axis(counts, best, -1)[..., 0]
    return checkpoint.tokenizer.to_str_tokens(np.maximum(common, 0).ravel().tolist()), often


def _described(
    index: Index,
    checkpoint: Checkpoint,
    order: np.ndarray,
    counts: np.ndarray,
    str_tokens: Sequence[str],
    values: np.ndarray | None = None,
    above: np.ndarray | None = None,
) -> list[FoundNeuron]:
    fires, width = index.fires, checkpoint.config.d_mlp
    found = []
    for at, str_token in zip(order.tolist(), str_tokens, strict=True):
        where = divmod(at, width)
        found.append(
            FoundNeuron(
                layer=where[0],
                neuron=where[1],
                fires=float(fires[where]),
                highest=float(index.highest[where]),
                token=str_token,
                count=int(counts[where]),
                value=None if values is None else float(values[where]),
                above=None if above is None else float(above[where]),
            )
        )
    return found
