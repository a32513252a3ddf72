"""AUC by hand, with ties and strata; an interval that knows stories; a bar that luck does not pass."""

import numpy as np
import pytest

from slm.stats.permutation import permutation_null, permute_labels, permuted_deviations
from slm.stats.rates import event_rates
from slm.stats.roc_auc import centred_ranks, comparable_pairs, roc_auc, roc_auc_interval

ONE = np.zeros(6, dtype=int)


def test_auc_is_the_share_of_pairs_won_and_a_tie_is_half() -> None:
    acts = np.array([[3.0, 1.0, 2.0, 2.0, 0.0, 5.0]])
    positive = np.array([True, False, True, False, False, False])
    # of 3 against 1, 2, 0, 5: three won; of 2 against them: two won and one tied; 5.5 of 8
    assert roc_auc(centred_ranks(acts, ONE), positive[:, None], ONE)[0, 0] == pytest.approx(5.5 / 8)
    found = roc_auc_interval(acts, positive, ONE, np.arange(6))
    assert found.mean[0] == pytest.approx(5.5 / 8)
    assert found.low[0] < 5.5 / 8 < found.high[0]


def test_only_words_of_one_stratum_are_compared() -> None:
    acts = np.array([[9.0, 8.0, 7.0, 3.0, 2.0, 1.0]])
    strata = np.array([0, 0, 0, 1, 1, 1])
    positive = np.array([True, False, False, False, False, True])
    # the first wins its two comparisons, the last loses its two; over all, it would be 5 of 8
    assert comparable_pairs(positive[:, None], strata)[0] == 4
    assert roc_auc(centred_ranks(acts, strata), positive[:, None], strata)[0, 0] == pytest.approx(
        0.5
    )
    assert roc_auc_interval(acts, positive, strata, np.arange(6)).mean[0] == pytest.approx(0.5)


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_sixteen_bits_are_ranked_as_their_values_are(kind: type) -> None:
    acts = np.array([[-2.0, -0.0, 0.0, 1.5, -0.125, 60000.0, -60000.0]], dtype=kind)
    ranks = centred_ranks(acts, np.zeros(7, dtype=int))[0]
    assert ranks.tolist() == [-2.0, 0.5, 0.5, 2.0, -1.0, 3.0, -3.0]


def test_nothing_to_compare_is_not_a_number() -> None:
    acts, nobody = np.ones((2, 6)), np.zeros(6, dtype=bool)
    assert np.isnan(roc_auc(centred_ranks(acts, ONE), nobody[:, None], ONE)).all()
    assert np.isnan(roc_auc_interval(acts, nobody, ONE, np.arange(6)).mean).all()


def test_the_interval_is_that_of_resampled_stories() -> None:
    draw = np.random.default_rng(0)
    story = np.repeat(np.arange(40), 12)
    positive = np.tile(np.arange(12) < 3, 40)
    shared = draw.normal(size=40)[story]  # what the words of a story have in common
    acts = (positive * 1.0 + shared * positive + draw.normal(size=480))[None]
    found = roc_auc_interval(acts, positive, np.zeros(480, dtype=int), story)
    resampled = []
    for _ in range(300):
        chosen = np.concatenate([np.flatnonzero(story == s) for s in draw.integers(0, 40, 40)])
        zeros = np.zeros(480, dtype=int)
        ranks = centred_ranks(acts[:, chosen], zeros)
        resampled.append(roc_auc(ranks, positive[chosen][:, None], zeros)[0, 0])
    low, high = np.percentile(resampled, [2.5, 97.5])
    assert found.low[0] == pytest.approx(low, abs=0.03)
    assert found.high[0] == pytest.approx(high, abs=0.03)


def test_shuffling_keeps_what_each_group_has() -> None:
    labels = np.eye(6, dtype=bool)
    groups = np.array([0, 0, 1, 1, 1, 0])
    dealt = permute_labels(labels, groups, np.random.default_rng(1))
    for group in (0, 1):
        assert (dealt[groups == group].sum(0) == labels[groups == group].sum(0)).all()
    assert not (dealt == labels).all()


def test_noise_stays_below_the_bar_and_a_true_difference_passes_it() -> None:
    draw = np.random.default_rng(2)
    labels = draw.random((400, 3)) < [0.02, 0.2, 0.5]
    zeros, story = np.zeros(400, dtype=int), np.repeat(np.arange(20), 20)
    acts = draw.normal(size=(60, 400))
    acts[7] += 2 * labels[:, 1]
    ranks = centred_ranks(acts, zeros)
    distances = permuted_deviations(ranks, labels, zeros, story, seed=0)
    chance = permutation_null(distances)
    passed = roc_auc(ranks, labels, zeros) > chance.threshold[:, None]
    assert np.argwhere(passed).tolist() == [[1, 7]]
    assert chance.threshold[0] > chance.threshold[1] > 0.55  # the rare label wavers more
    below = permutation_null(-distances)
    ranks = centred_ranks(-acts, zeros)  # the low side is the high side of the numbers negated
    assert below.threshold == pytest.approx(
        permutation_null(permuted_deviations(ranks, labels, zeros, story, seed=0)).threshold,
        rel=1e-4,
    )


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
