"""The loss that is measured at every checkpoint: on the same validation stories each time."""

import numpy as np

from slm.model.loss import Loss, story_loss
from slm.model.weights import Weights
from slm.stories.corpus import TokenizedSplits

VALIDATION_STORIES = 128
"""How many validation stories are scored at each checkpoint, always the same ones."""


def validation_loss(weights: Weights, prepared: TokenizedSplits) -> Loss:
    """Loss on validation stories spread over the whole split, the same at every checkpoint."""
    count = min(VALIDATION_STORIES, len(prepared.valid))
    chosen = np.linspace(0, len(prepared.valid) - 1, count).round().astype(int)
    stories = [prepared.valid.story(int(index)).tolist() for index in chosen]
    return story_loss(weights, prepared.tokenizer, stories)
