"""Compute the loss: of a training's validation stories at every checkpoint, and of a whole corpus."""

import numpy as np

from slm.errors import BadInput
from slm.model.loss import Loss, story_loss
from slm.model.weights import Weights
from slm.runs import Checkpoint
from slm.stories.cleaning import CleaningReport, cleaned
from slm.stories.corpus import TokenizedSplits
from slm.stories.sources import open_source

VALIDATION_STORIES = 128
"""Stories scored at each checkpoint, spread evenly over the split."""


def validation_loss(weights: Weights, prepared: TokenizedSplits) -> Loss:
    """Compute the loss of `VALIDATION_STORIES` stories spread evenly over the validation split."""
    count = min(VALIDATION_STORIES, len(prepared.valid))
    chosen = np.linspace(0, len(prepared.valid) - 1, count).round().astype(int)
    stories = [prepared.valid.story(int(index)).tolist() for index in chosen]
    return story_loss(weights, prepared.tokenizer, stories)


def corpus_loss(checkpoint: Checkpoint, corpus: str) -> tuple[Loss, CleaningReport]:
    """Compute the loss on a corpus (its validation stories where it has its own), and what was cleaned.

    Raises `BadInput` for a corpus that cannot be read or holds no story.
    """
    report = CleaningReport()
    tokenizer, texts = checkpoint.tokenizer, cleaned(open_source(corpus, "valid"), report)
    stories = [tokenizer.encode_story(text) for text in texts]
    if not stories:
        raise BadInput(f"the corpus {corpus!r} holds no story that survives cleaning")
    return story_loss(checkpoint.weights, tokenizer, stories), report
