"""The loss of each story of a corpus is the model's, and words share all of it."""

import pytest

from slm.interp.predictions.corpus_loss import corpus_loss
from slm.model.loss import story_loss
from slm.progress import result_of
from slm.runs import Checkpoint
from tests.conftest import little_stories


def test_story_losses_add_up_to_the_models_loss(checkpoint: Checkpoint) -> None:
    told = little_stories(8)
    found = result_of(corpus_loss(checkpoint, told))
    ids = [checkpoint.tokenizer.encode_story(text) for text in told]
    whole = story_loss(checkpoint.weights, checkpoint.tokenizer, ids)
    assert sum(one.nats for one in found.stories) == pytest.approx(whole.nats, rel=1e-5)
    assert sum(one.tokens for one in found.stories) == whole.tokens
    assert found.bits_per_byte.mean == pytest.approx(whole.bits_per_byte, rel=1e-5)
    hardest = [one.bits_per_byte for one in found.hardest]
    assert hardest == sorted(hardest, reverse=True)
    assert 0 < sum(one.share for one in found.words) <= 1.0001
