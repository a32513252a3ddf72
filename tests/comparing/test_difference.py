"""What one model expects better than another: conserved, told by sentence and by word."""

import math
from dataclasses import replace

import numpy as np
import pytest

from slm.comparing.difference import (
    StoryDifference,
    differences,
    loss_difference,
    sentences,
    words,
)
from slm.model.loss import story_loss
from slm.model.weights import empty
from slm.runs import Checkpoint
from slm.stories.tokenizer import END
from tests.conftest import little_stories


def test_stretches_sum_to_the_loss_of_each_model(checkpoint: Checkpoint, other: Checkpoint) -> None:
    texts = [*little_stories(20), " ".join(little_stories(6)), "Żółć 😀!"]
    found = list(differences(checkpoint, other, texts))
    assert [story.number for story in found] == list(range(len(texts)))
    for model, side in ((checkpoint, "a"), (other, "b")):
        tokens = [model.tokenizer.encode_story(text) for text in texts]
        loss = story_loss(model.weights, model.tokenizer, tokens)
        assert sum(getattr(s, side).sum() for s in found) == pytest.approx(loss.nats, rel=1e-5)
    numbers = loss_difference(found)
    assert numbers.gain.mean == pytest.approx(numbers.b.mean - numbers.a.mean)
    assert numbers.a.low < numbers.a.mean < numbers.a.high


def test_against_a_model_that_guesses_the_gain_is_known(checkpoint: Checkpoint) -> None:
    guessing = replace(checkpoint, weights=empty(checkpoint.config))
    (story,) = differences(guessing, checkpoint, little_stories(1))
    assert story.a == pytest.approx(math.log(checkpoint.config.d_vocab))
    (same,) = differences(checkpoint, checkpoint, little_stories(1))
    assert not same.gain.any() and loss_difference([same, same]).gain.high == 0
    alone = loss_difference([same])
    assert alone.gain.bounds is None and "does not tell how far to trust" in alone.verdict()


def told(number: int, *costs: tuple[str, float, float]) -> StoryDifference:
    """A story by hand: each token with what it costs A and B."""
    str_tokens, a, b = zip(*costs, strict=True)
    text = "".join(str_token for str_token in str_tokens if str_token != END)
    return StoryDifference(
        number=number, text=text, str_tokens=str_tokens, a=np.array(a), b=np.array(b)
    )


def by_hand() -> StoryDifference:
    """Two sentences and an end."""
    return told(
        0,
        ("Tom", 1.0, 3.0),
        (" r", 1.0, 1.5),
        ("an", 1.0, 1.0),
        (".", 1.0, 1.0),
        (' "', 2.0, 1.0),
        ("Oh", 2.0, 1.0),
        ('!"', 2.0, 0.0),
        (END, 1.0, 2.0),
    )


def test_sentences_gain_what_their_stretches_gain() -> None:
    first, second = sentences(by_hand())
    assert (first.text, first.first, first.last, first.gain) == ("Tom ran.", 0, 4, 2.5)
    assert (second.text, second.first, second.last, second.gain) == ('"Oh!"', 4, 7, -4.0)


def test_words_gain_what_their_stretches_gain_and_the_end_is_one() -> None:
    stories = [by_hand()] * 3
    found = {word.text: word for word in words(stories)}
    assert found["ran"].count == 3 and found["ran"].gain.mean == 0.5
    assert found["tom"].total == 6.0 and found[END].gain.mean == 1.0
    assert sum(word.total for word in found.values()) == pytest.approx(-1.5)
    assert next(iter(found)) in ("tom", '!"')  # the largest in all first
    assert found["tom"].gain.low == found["tom"].gain.high == 2.0  # every story says the same


def test_a_word_of_few_stories_is_not_told_of() -> None:
    plain = told(1, ("Hm", 1.0, 1.0), (".", 1.0, 1.0), (END, 1.0, 1.0))
    assert "ran" not in [word.text for word in words([by_hand(), plain, plain])]


def test_an_interval_over_stories_holds_the_mean_of_all_and_shrinks_with_them() -> None:
    draw = np.random.default_rng(1)
    stories = [
        told(n, ("abcd", 1.0, 1.0 + float(gain)), (END, 0.0, 0.0))
        for n, gain in enumerate(draw.normal(0.5, 1.0, 400))
    ]
    few, many = loss_difference(stories[:25]).gain, loss_difference(stories).gain
    assert many.low < 0.5 / math.log(2) / 4 < many.high
    assert (few.high - few.low) / (many.high - many.low) == pytest.approx(4, rel=0.4)
