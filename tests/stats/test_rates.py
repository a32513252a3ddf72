"""Rates on words of a class and off them, by hand and against the closed form."""

import numpy as np
import pytest

from slm.stats.rates import event_rates


def test_rates_are_compared_in_the_same_strata() -> None:
    events = np.array([[1, 0, 1, 0, 0, 0, 1, 1]], dtype=bool)
    positive = np.array([1, 0, 0, 0, 0, 1, 0, 1], dtype=bool)
    strata = np.array([0, 0, 0, 1, 1, 1, 1, 2])  # the last is alone in its stratum
    found = event_rates(events, positive, strata, np.arange(8))
    assert found.on[0] == pytest.approx(1 / 2)  # one of two, in strata 0 and 1
    assert found.off[0] == pytest.approx((1 / 2 + 1 / 3) / 2)
    nobody = event_rates(events, np.zeros(8, dtype=bool), strata, np.arange(8))
    assert np.isnan([nobody.on[0], nobody.difference.low[0]]).all()


def test_the_interval_of_a_difference_of_rates_is_that_of_resampled_stories() -> None:
    draw = np.random.default_rng(3)
    story = np.repeat(np.arange(60), 20)
    strata = np.tile(np.repeat([0, 1], 10), 60)
    positive = draw.random(1200) < np.where(strata, 0.3, 0.1)
    chance = 0.1 + 0.2 * strata + 0.15 * positive + 0.2 * draw.random(60)[story] * positive
    events = (draw.random(1200) < chance)[None]
    found = event_rates(events, positive, strata, story)
    resampled = []
    for _ in range(400):
        some = np.concatenate([np.flatnonzero(story == s) for s in draw.integers(0, 60, 60)])
        one = event_rates(
            events[:, some], positive[some], strata[some], np.repeat(np.arange(60), 20)
        )
        resampled.append(one.on[0] - one.off[0])
    low, high = np.percentile(resampled, [2.5, 97.5])
    assert found.difference.low[0] == pytest.approx(low, abs=0.015)
    assert found.difference.high[0] == pytest.approx(high, abs=0.015)


def test_the_interval_is_that_of_two_proportions_where_every_word_is_a_story_of_its_own() -> None:
    positive = np.arange(1000) < 300
    events = np.concatenate([np.arange(300) < 120, np.arange(700) < 140])[None]  # 0.4 and 0.2
    found = event_rates(events, positive, np.zeros(1000, dtype=int), np.arange(1000)).difference
    half = 1.96 * (0.4 * 0.6 / 300 + 0.2 * 0.8 / 700) ** 0.5
    assert found.mean[0] == pytest.approx(0.2)
    assert (found.low[0], found.high[0]) == pytest.approx((0.2 - half, 0.2 + half), abs=0.01 * half)


def test_with_few_stories_the_interval_is_wider_by_their_number_less_one() -> None:
    events = np.array([[1, 0, 1, 0, 0, 0, 1, 1, 1, 0]], dtype=bool)  # of each story one word of the
    positive = np.tile(
        [True, False], 5
    )  # class and one other: the difference of a story is a number
    found = event_rates(events, positive, np.zeros(10, dtype=int), np.repeat(np.arange(5), 2))
    differences = np.array([1.0, 1.0, 0.0, 0.0, 1.0])
    half = 1.96 * differences.std(ddof=1) / 5**0.5
    assert found.difference.mean[0] == pytest.approx(differences.mean())
    assert found.difference.high[0] - found.difference.mean[0] == pytest.approx(half, rel=1e-3)
