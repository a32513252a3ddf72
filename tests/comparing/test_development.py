"""A label counts from the step it stays from; what is learned of each part is counted word by word."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from slm.comparing.development import (
    WORD_GROUPS,
    DevelopmentStage,
    WordGroup,
    appearances,
    halfway,
    word_losses,
)
from slm.interp.heads.scores import HeadScores
from slm.interp.heads.targets import BY_PLACE
from slm.model.loss import story_nats
from slm.model.weights import empty
from slm.runs import Address, Checkpoint
from slm.stats.interval import Intervals
from slm.stories.annotation.nursery import annotated


def stage(step: int, beats: set[tuple[int, int]], **words: float) -> DevelopmentStage:
    """A stage of one layer of two heads by hand: which (head, kind) beat their baseline."""
    mean = np.zeros((1, 2, len(BY_PLACE)), dtype=np.float32)
    for head, kind in beats:
        mean[0, head, kind] = 0.5
    sure = Intervals(mean=mean, low=mean - 0.01, high=mean + 0.01)
    heads = HeadScores(
        address=Address("run", step),
        corpus="none",
        kinds=BY_PLACE,
        score=sure,
        baseline=Intervals(mean=0 * mean, low=0 * mean, high=0 * mean),
        difference=sure,
        distance=np.zeros((1, 2), dtype=np.int64),
        profile=np.zeros((1, 2, 3), dtype=np.float32),
        rows=(9,) * len(BY_PLACE),
    )
    told: dict[WordGroup, float] = {part: words.get(part.split()[0], 1.0) for part in WORD_GROUPS}
    return DevelopmentStage(step=step, heads=heads, words=told)


def test_a_label_appears_where_it_stays_from_and_one_that_goes_is_told() -> None:
    found = appearances(
        [
            stage(0, {(0, 0)}),
            stage(4, {(1, 2)}),
            stage(8, {(0, 0), (1, 3)}),
            stage(16, {(0, 0), (1, 3)}),
        ]
    )
    told = [(one.kind, one.head, one.step, one.stays) for one in found]
    assert told == [
        (BY_PLACE[2], 1, 4, False),
        (BY_PLACE[3], 1, 8, True),
        (BY_PLACE[0], 0, 8, True),  # it was there at 0, and lost
    ]
    assert found[1].score == 0.5


def test_half_is_learned_where_half_of_the_way_is_behind() -> None:
    stages = [
        stage(0, set(), frame=8.0, later=9.0),
        stage(4, set(), frame=3.0, later=8.0),
        stage(8, set(), frame=2.0, later=5.0),
        stage(16, set(), frame=2.0, later=3.0),
    ]
    assert halfway(stages) == {
        "frame": 4,
        "first mentions": None,
        "later mentions": 8,
        "what happens": None,
    }


def test_a_word_costs_what_its_tokens_cost(checkpoint: Checkpoint) -> None:
    guessing = replace(checkpoint, weights=empty(checkpoint.config))
    found = word_losses(guessing, stories=5)
    a_token = float(np.log(checkpoint.config.d_vocab))
    read = list(annotated(checkpoint.tokenizer, 5, first=1_000_000_000))
    for part, roles in WORD_GROUPS.items():
        tokens = sum(role in roles for story in read for role in story.roles)
        words = sum(len(story.where(*roles)) for story in read)
        assert found[part] == pytest.approx(a_token * tokens / words, rel=1e-5)


def test_costs_of_tokens_are_the_logits_own(checkpoint: Checkpoint) -> None:
    from slm.model import functional

    tokens = checkpoint.tokenizer.encode_story("One day, Amy had a ball.")
    (nats,) = story_nats(checkpoint.weights, checkpoint.tokenizer, [tokens])
    logs = functional.logits(checkpoint.weights, torch.tensor([tokens]))[0].log_softmax(-1)
    targets = [*tokens[1:], checkpoint.tokenizer.end]
    expected = [-float(logs[at, target]) for at, target in enumerate(targets)]
    assert nats == pytest.approx(expected, rel=1e-4, abs=1e-5)
