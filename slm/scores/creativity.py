"""Creativity: distinct n-grams of a story that others do not say (after distinct-n, Li and others 2016)."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from slm.memorization.rouge import grams, words
from slm.scores.texts import CompletedStory

N = 3
BESIDE = 19
"""How many other stories each is held against, so that sets of any size are told alike."""
LENGTH = 160
"""Most words of a completion that are read, so that a long story is not held to more."""


def own_ngrams(stories: Sequence[CompletedStory]) -> Float[np.ndarray, "story"]:
    """Compute each story's distinct `N`-grams that `BESIDE` others do not say, of all that it says.

    NaN for a completion of fewer than `N` words. The others are those that follow, round and round.
    """
    found = [
        grams([word.text for word in words(story.completion)][:LENGTH], N) for story in stories
    ]
    shares = np.full(len(stories), np.nan)
    for at, mine in enumerate(found):
        total = mine.total()
        if not total:
            continue
        others: Counter[tuple[str, ...]] = Counter()
        for step in range(1, min(BESIDE, len(found) - 1) + 1):
            others.update(found[(at + step) % len(found)].keys())
        shares[at] = sum(gram not in others for gram in mine) / total
    return shares
