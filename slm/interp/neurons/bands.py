"""Pick one place from each band of a neuron's values, so that its strongest places do not stand alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from slm.interp.neurons.activations import Example, activations, check_neuron, example_of
from slm.interp.neurons.index import Index
from slm.runs import Checkpoint

BANDS = 3
"""Bands of equal width between 0 and the highest value; the highest band is that of the top list."""
STORIES = 20
"""The first so many stories of an index are looked through."""


@dataclass(frozen=True, kw_only=True, eq=False)
class BandExample:
    """The place whose value lies nearest the middle of `low` to `high`."""

    low: float
    high: float
    example: Example


def band_examples(
    checkpoint: Checkpoint,
    index: Index,
    layer: int,
    neuron: int,
    *,
    bands: int = BANDS,
    stories: int = STORIES,
) -> list[BandExample]:
    """Return one place from each lower band, the highest first; the last is where it does not fire.

    Bands of which the first `stories` stories have no place are left out. Raises `BadInput` for a
    layer or neuron that the model does not have.
    """
    check_neuron(checkpoint, layer, neuron)
    tokens = [index.tokens(story) for story in range(min(stories, index.n_stories))]
    acts = [act[0, :, neuron] for act in activations(checkpoint, tokens, [layer])]
    top = max(float(index.highest[layer, neuron]), 0.0)
    edges = [top * part / bands for part in range(bands - 1, -1, -1)]
    edges.append(min(float(index.lowest[layer, neuron]), 0.0))
    found = []
    for high, low in pairwise(edges):
        nearest = _nearest([act.numpy() for act in acts], low, high)
        if nearest is not None:
            story, position = nearest
            example = example_of(checkpoint, story, tokens[story], acts[story], strongest=True)
            found.append(
                BandExample(low=low, high=high, example=replace(example, position=position))
            )
    return found


def _nearest(acts: Sequence[np.ndarray], low: float, high: float) -> tuple[int, int] | None:
    """Return story and position of the value in [low, high] nearest its middle; None where none is."""
    best, where = np.inf, None
    for story, values in enumerate(acts):
        inside = (values >= low) & (values <= high)
        far = np.where(inside, np.abs(values - (low + high) / 2), np.inf)
        if far.min() < best:
            best, where = far.min(), (story, int(far.argmin()))
    return where
