"""Compute the validation loss, on the same stories at every checkpoint."""

import numpy as np

from slm.model.loss import Loss, story_loss
from slm.model.weights import Weights
from slm.stories.corpus import TokenizedSplits

VALIDATION_STORIES = 128
"""Stories scored at each checkpoint, spread evenly over the split."""


def validation_loss(weights: Weights, prepared: TokenizedSplits) -> Loss:
    """Compute the loss of `VALIDATION_STORIES` stories spread evenly over the validation split."""
    count = min(VALIDATION_STORIES, len(prepared.valid))
    chosen = np.linspace(0, len(prepared.valid) - 1, count).round().astype(int)
    stories = [prepared.valid.story(int(index)).tolist() for index in chosen]
    return story_loss(weights, prepared.tokenizer, stories)
