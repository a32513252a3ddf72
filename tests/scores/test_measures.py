"""Creativity, age and consistency on stories made for it."""

import math

import numpy as np
import pytest

from slm.runs import Checkpoint
from slm.scores.age import readability
from slm.scores.consistency import REPEATED, saved_nats
from slm.scores.creativity import own_ngrams
from slm.scores.texts import CompletedStory


def story(completion: str) -> CompletedStory:
    return CompletedStory(opening="", completion=completion)


def test_a_story_that_says_nothing_twice_and_nothing_of_others_says_all_once() -> None:
    found = own_ngrams([story("a b c d e"), story("f g h i j")])
    assert found.tolist() == [1.0, 1.0]


def test_what_is_said_twice_counts_once_and_what_others_say_not_at_all() -> None:
    within, shared, other = own_ngrams(
        [story("a b c a b c a b c"), story("p q r s"), story("p q r t")]
    )
    assert within == pytest.approx(3 / 7)  # abc, bca, cab of seven
    assert shared == other == pytest.approx(1 / 2)
    assert math.isnan(own_ngrams([story("a b"), story("p q r s")])[0])


def test_readability_is_the_formulas() -> None:
    assert readability(story(" The cat sat. It ran.")) == pytest.approx(
        4.71 * 14 / 5 + 0.5 * 5 / 2 - 21.43
    )
    assert math.isnan(readability(story("")))


def test_a_first_half_that_belongs_to_the_second_saves_nats(reference: Checkpoint) -> None:
    texts = [
        f"Once there was a girl named {name}. {name} had a red {thing}. {name} loved the {thing}. "
        f"One day {name} lost the {thing}. {name} looked for the {thing} in the park. {name} found "
        f"the {thing} under a tree and {name} was happy with her {thing}."
        for name, thing in (("Lily", "ball"), ("Mia", "kite"), ("Sue", "boat"), ("Anna", "doll"))
    ]
    assert (saved_nats(reference, [story(text) for text in texts]) > 0.2).all()


def test_a_second_half_that_only_repeats_the_first_is_not_counted(reference: Checkpoint) -> None:
    half = "Tom had a big red ball and he played with it all day in the park"
    twice = story(f"{half}. {half}.")
    others = [
        story("The sun was hot that day in the big town. A cat ran to the old tree by the sea.")
    ] * 2
    saved = saved_nats(reference, [twice, *others])
    assert len(half.split()) > REPEATED and np.isnan(saved[0]) and np.isfinite(saved[1:]).all()


def test_a_story_without_halves_has_no_consistency(reference: Checkpoint) -> None:
    saved = saved_nats(reference, [story("One sentence only."), story("Two. Three.")])
    assert np.isnan(saved).all()
