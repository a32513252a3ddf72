"""Permutation nulls against their closed forms, and thresholds of deviations made by hand."""

import numpy as np
import pytest

from slm.stats.permutation import permutation_null, permute_labels, permuted_deviations
from slm.stats.roc_auc import centred_ranks, roc_auc


def test_permuting_keeps_what_each_group_has() -> None:
    labels = np.eye(6, dtype=bool)
    groups = np.array([0, 0, 1, 1, 1, 0])
    dealt = permute_labels(labels, groups, np.random.default_rng(1))
    for group in (0, 1):
        assert (dealt[groups == group].sum(0) == labels[groups == group].sum(0)).all()
    assert not (dealt == labels).all()


def test_noise_stays_below_the_threshold_and_a_true_difference_passes_it() -> None:
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


def test_permuted_aucs_spread_as_mann_and_whitney_say() -> None:
    positive, words = 30, 120
    acts = np.random.default_rng(6).normal(size=(80, words))
    labels = (np.arange(words) < positive)[:, None]
    zeros = np.zeros(words, dtype=int)
    found = permuted_deviations(
        centred_ranks(acts, zeros), labels, zeros, zeros, seed=0, permutations=40
    )
    assert found.shape == (40, 1, 80)
    expected = ((words + 1) / (12 * positive * (words - positive))) ** 0.5
    assert found.std() == pytest.approx(expected, rel=0.05)
    assert found.mean() == pytest.approx(0, abs=0.1 * expected)


def test_the_threshold_is_the_largest_deviation_in_each_labels_own_spread() -> None:
    deviations = np.zeros((2, 2, 2))
    deviations[:, 0] = [[0.1, -0.1], [0.1, -0.1]]  # spread 0.1, its largest is 1 of them
    deviations[:, 1] = [[0.3, -0.1], [-0.1, -0.1]]  # spread 0.173, its largest is 1.73 of them
    found = permutation_null(deviations)
    largest = 3**0.5
    assert found.threshold == pytest.approx([0.5 + largest * 0.1, 0.5 + largest * 0.03**0.5])
    assert found.p99[0] == pytest.approx(0.6) and found.p99[1] == pytest.approx(0.5 + 0.288)
