"""The parts of measurements on cases whose answer is known."""

import numpy as np
import pytest
import torch

from slm.lessons.answers import answer_of
from slm.lessons.lesson import Guess, Number
from slm.lessons.measures import copying, tokens, trainings
from slm.lessons.sides import first_is
from slm.lessons.strongest import scores_of, strongest
from slm.lessons.views import ShowAttention, ShowEnding, ShowShapes
from slm.runs import Checkpoint


def test_every_dog_is_a_cat_and_nothing_else_is() -> None:
    told = "The dogs saw a puppy. Dog! A hotdog is no dog, and doggy stays."
    assert trainings.without_dogs(told) == (
        "The cats saw a kitten. Cat! A hotdog is no cat, and doggy stays."
    )


def test_places_stop_just_before_a_dog() -> None:
    texts = [text for _, text in zip(range(3), trainings.places(), strict=False)]
    assert all(not text.endswith((" ", "dog")) and len(text) <= trainings.CONTEXT for text in texts)


def test_names_that_lie_together_are_found_and_dealt_ones_are_not(checkpoint: Checkpoint) -> None:
    words = [
        token.strip()
        for token in checkpoint.tokenizer.to_str_tokens(range(checkpoint.config.d_vocab))
    ]
    some = np.array([at for at, word in enumerate(words) if len(word) > 2][:8])
    with torch.no_grad():
        checkpoint.weights.W_E.normal_(generator=torch.Generator().manual_seed(0))
        checkpoint.weights.W_E[some, 0] = 50.0
    assert tokens._share_within(checkpoint, some, words) == 1.0
    others = np.array([at for at in range(300, 308)])
    assert tokens._share_within(checkpoint, others, words) < 0.5


def test_the_strongest_head_is_the_one_furthest_above_its_control(checkpoint: Checkpoint) -> None:
    scores = scores_of(checkpoint)
    layer, head, kind = strongest(scores, ["previous token", "current token"])
    at = [scores.kinds.index(one) for one in ("previous token", "current token")]
    assert scores.difference.mean[layer, head, scores.kinds.index(kind)] == (
        np.nanmax(scores.difference.mean[..., at])
    )


def test_sides_stay_where_they_are_when_they_are_named() -> None:
    for prompt in ("a", "b", "c", "d"):
        hidden = ShowShapes(prompt=prompt)
        assert first_is(hidden) == first_is(ShowShapes(prompt=prompt, names=True))
    assert {first_is(ShowShapes(prompt=str(at))) for at in range(20)} == {"left", "right"}
    assert first_is(ShowEnding(story=1)) in ("left", "right")


def test_stories_that_no_training_saw_are_none_of_a_nursery_corpus() -> None:
    assert not set(copying.trained_on("nursery:60:0", 60)) & {
        story.text for story in copying.nursery.stories(20, first=copying.UNSEEN)
    }


def test_a_probability_is_of_100_and_a_choice_is_the_likeliest(checkpoint: Checkpoint) -> None:
    number = Number(low=0.0, high=100.0)
    given = {"text": "One day", "word": "Amy"}
    guess = Guess(number=number, computed="probability of a word", given=given)
    said = answer_of(checkpoint, guess, None)
    assert isinstance(said, float) and 0 <= said <= 100
    choice = Guess(
        choices=("Amy", "Ben"), computed="the likeliest choice", given={"text": "One day"}
    )
    other = answer_of(
        checkpoint,
        Guess(number=number, computed="probability of a word", given={**given, "word": "Ben"}),
        None,
    )
    assert answer_of(checkpoint, choice, None) == ("Amy" if said >= other else "Ben")


def test_the_key_token_is_never_the_first_token_or_a_later_one(checkpoint: Checkpoint) -> None:
    view = ShowAttention(text="Amy had a ball. Amy had", head="previous token", at="ball")
    key = answer_of(checkpoint, Guess(token=True, computed="key token"), view)
    tokens_of = checkpoint.tokenizer.to_str_tokens(checkpoint.tokenizer.encode_story(view.text))
    assert isinstance(key, int) and 1 <= key <= tokens_of.index(" ball")


def test_an_answer_that_is_written_is_given_as_it_is(checkpoint: Checkpoint) -> None:
    assert answer_of(checkpoint, Guess(choices=("a", "b"), answer="b"), None) == "b"
    with pytest.raises(AssertionError):
        answer_of(checkpoint, Guess(choices=("a", "b")), None)
