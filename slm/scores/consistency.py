"""Consistency: how much a story's first half tells of its second, in nats per token of a reference model.

The conditional mutual information estimated pointwise: nats of the second half after other stories'
first halves, less nats after its own. Tokens that repeat `REPEATED` or more in a row of the first half
are not counted: to say a thing again is not to be consistent.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from slm.model.loss import story_nats
from slm.runs import Checkpoint
from slm.scores.texts import CompletedStory, sentence_ends
from slm.seeds import derived_seed

OTHERS = 4
"""How many other first halves each second half is read after."""
REPEATED = 6
HALF = 110
"""Most tokens of a half: both fit a context of 256."""
LEAST = 8
"""A half of fewer tokens is none, and neither is a second half of fewer that are new."""


def saved_nats(
    reference: Checkpoint, stories: Sequence[CompletedStory], seed: int = 0
) -> Float[np.ndarray, "story"]:
    """Compute the nats per token that each story's own first half saves the reference on its second.

    NaN for a story without two halves, or whose second half only repeats the first.
    """
    halves = [_halves(reference, story.text) for story in stories]
    whole = [
        at for at, (first, second) in enumerate(halves) if min(len(first), len(second)) >= LEAST
    ]
    saved = np.full(len(stories), np.nan)
    if len(whole) < 2:
        return saved
    end = reference.tokenizer.end
    rows, counted = [], []
    for at in whole:
        draw = np.random.default_rng(derived_seed(seed * 100_003 + at))
        others = [one for one in whole if one != at]
        chosen = draw.choice(others, size=min(OTHERS, len(others)), replace=False)
        second = halves[at][1]
        rows += [[end, *halves[one][0], *second] for one in (at, *chosen)]
        counted.append((len(chosen), len(second), ~_repeats(halves[at][0], second)))
    nats = iter(story_nats(reference.weights, reference.tokenizer, rows))
    for at, (count, length, new) in zip(whole, counted, strict=True):
        own, *others_nats = (next(nats)[-1 - length : -1] for _ in range(count + 1))
        if new.sum() >= LEAST:
            saved[at] = (np.mean(others_nats, axis=0) - own)[new].mean()
    return saved


def _halves(reference: Checkpoint, text: str) -> tuple[list[int], list[int]]:
    """Split a story at the sentence end nearest its middle: tokens of the end and of the beginning."""
    ends = sentence_ends(text)[:-1]
    if not ends:
        return [], []
    at = min(ends, key=lambda end: abs(end - len(text) / 2))
    encode = reference.tokenizer.encode
    return list(encode(text[:at]))[-HALF:], list(encode(text[at:]))[:HALF]


def _repeats(first: Sequence[int], second: Sequence[int]) -> Bool[np.ndarray, "pos"]:
    """Mark the tokens of runs of `REPEATED` that stand in the first half, too."""
    runs = {tuple(first[at : at + REPEATED]) for at in range(len(first) - REPEATED + 1)}
    marked = np.zeros(len(second), dtype=bool)
    for at in range(len(second) - REPEATED + 1):
        if tuple(second[at : at + REPEATED]) in runs:
            marked[at : at + REPEATED] = True
    return marked
