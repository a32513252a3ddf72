"""Loss: known by hand for a model that only guesses, the same in every batch, each token once."""

import math

import pytest
import torch

from slm.model import functional
from slm.model.loss import story_loss
from slm.model.weights import empty
from slm.runs import Checkpoint
from tests.conftest import little_stories


def test_a_model_that_guesses_costs_the_logarithm_of_its_vocabulary(
    checkpoint: Checkpoint,
) -> None:
    stories = [checkpoint.tokenizer.encode_story(story) for story in little_stories(5)]
    loss = story_loss(empty(checkpoint.config), checkpoint.tokenizer, stories)
    assert loss.tokens == sum(len(story) for story in stories)  # each token, and the end, not END
    assert loss.loss == pytest.approx(math.log(checkpoint.config.d_vocab), rel=1e-5)
    assert loss.bytes == sum(len(story.encode()) for story in little_stories(5))
    assert loss.bits_per_byte == pytest.approx(
        loss.tokens * math.log2(checkpoint.config.d_vocab) / loss.bytes, rel=1e-5
    )


def test_stories_cost_together_what_they_cost_alone(checkpoint: Checkpoint) -> None:
    stories = [checkpoint.tokenizer.encode_story(story) for story in little_stories(7)]
    together = story_loss(checkpoint.weights, checkpoint.tokenizer, stories)
    alone = [story_loss(checkpoint.weights, checkpoint.tokenizer, [s]) for s in stories]
    assert together.nats == pytest.approx(sum(loss.nats for loss in alone), rel=1e-5)


def test_a_short_story_costs_what_its_logits_say(checkpoint: Checkpoint) -> None:
    tokens = checkpoint.tokenizer.encode_story("One day, Amy had a ball.")
    assert len(tokens) <= checkpoint.config.n_ctx
    loss = story_loss(checkpoint.weights, checkpoint.tokenizer, [tokens])
    logs = functional.logits(checkpoint.weights, torch.tensor([tokens]))[0].log_softmax(-1)
    targets = [*tokens[1:], checkpoint.tokenizer.end]
    expected = -sum(float(logs[place, target]) for place, target in enumerate(targets))
    assert loss.nats == pytest.approx(expected, rel=1e-5)


def test_every_token_of_a_story_longer_than_the_context_is_scored_once(
    checkpoint: Checkpoint,
) -> None:
    tokens = checkpoint.tokenizer.encode_story(" ".join(little_stories(4)))
    assert len(tokens) > 2 * checkpoint.config.n_ctx
    loss = story_loss(checkpoint.weights, checkpoint.tokenizer, [tokens])
    assert loss.tokens == len(tokens)
