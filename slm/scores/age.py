"""Age: the school grade at which a text is read (Automated Readability Index, Smith and Senter 1967)."""

import numpy as np

from slm.memorization.rouge import words
from slm.scores.texts import CompletedStory, sentences


def readability(story: CompletedStory) -> float:
    """Compute the ARI of a completion: 4.71 characters a word + 0.5 words a sentence - 21.43.

    NaN where there is no word.
    """
    found = words(story.completion)
    if not found:
        return np.nan
    characters = sum(len(word.text) for word in found)
    count = max(1, len(sentences(story.completion)))
    return 4.71 * characters / len(found) + 0.5 * len(found) / count - 21.43
