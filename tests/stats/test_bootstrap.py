"""The bootstrap against closed forms: its width, its clusters, and what it leaves out."""

import numpy as np
import pytest

from slm.stats.bootstrap import (
    RESAMPLES,
    bootstrap_difference,
    bootstrap_mean,
    bootstrap_means,
    bootstrap_ratio,
    draw_clusters,
    mean_of_known,
    percentile_interval,
    resample_counts,
)
from slm.stats.interval import Interval

VALUES = np.random.default_rng(0).normal(3, 2, 400)
WIDTH = 2 * 1.96 * VALUES.std() / 20
CLOSE = 0.06
"""Of a width: 2,000 resamples put its ends at random by about 2 %."""


def width(found: Interval) -> float:
    return found.high - found.low


def test_the_interval_of_a_mean_is_3_92_standard_errors_wide() -> None:
    found = bootstrap_mean(VALUES)
    assert found.mean == pytest.approx(VALUES.mean()) and found.n == 400
    assert width(found) == pytest.approx(WIDTH, rel=CLOSE)
    assert (found.low + found.high) / 2 == pytest.approx(VALUES.mean(), abs=0.03 * WIDTH)


def test_copies_within_a_cluster_make_nothing_surer() -> None:
    copies, clusters = np.repeat(VALUES, 5), np.repeat(np.arange(400), 5)
    assert width(bootstrap_mean(copies, clusters)) == pytest.approx(WIDTH, rel=CLOSE)
    assert width(bootstrap_mean(copies)) == pytest.approx(WIDTH / 5**0.5, rel=CLOSE)


def test_a_cluster_weighs_as_much_as_it_holds() -> None:
    found = bootstrap_mean([0.0, 0.0, 0.0, 1.0], ["a", "a", "a", "b"])
    assert (found.mean, found.low, found.high, found.n) == (0.25, 0.0, 1.0, 4)


def test_one_cluster_tells_nothing_of_how_sure_its_mean_is() -> None:
    assert bootstrap_mean([2.0, 8.0], ["a", "a"]).bounds is None
    assert bootstrap_mean([2.0]).bounds is None
    assert bootstrap_difference([2.0], [1.0, 3.0]).bounds is None


def test_all_units_are_resampled_alike_and_too_few_rows_are_not_measured() -> None:
    both = bootstrap_means(np.stack([VALUES, 1 - VALUES], axis=1))
    assert both.low[0] == pytest.approx(1 - both.high[1])
    one = bootstrap_mean(VALUES)
    assert (both.low[0], both.high[0]) == pytest.approx((one.low, one.high))
    few = bootstrap_means(np.ones((7, 3)), least=8).mean
    assert few.shape == (3,) and np.isnan(few).all()
    assert bootstrap_means(np.ones((8, 3)), least=8).low.tolist() == [1, 1, 1]


def test_a_ratio_is_of_sums_and_a_unit_with_one_cluster_has_no_interval() -> None:
    parts = np.array([[2.0, 0.0, 0.0], [6.0, 5.0, 0.0], [4.0, 0.0, 1.0], [1.0, 0.0, 3.0]])
    whole = np.array([[1.0, 0.0, 0.0], [3.0, 2.0, 0.0], [2.0, 0.0, 1.0], [0.5, 0.0, 1.0]])
    found = bootstrap_ratio(parts, whole)
    assert found.mean.tolist() == [2.0, 2.5, 2.0]
    assert (found.low[0], found.high[0]) == (2.0, 2.0)  # the same ratio in every cluster
    assert np.isnan(found.low[1])
    assert (found.low[2], found.high[2]) == (1.0, 3.0)  # resamples without either are left out


def test_the_interval_of_a_difference_holds_both_samples_errors() -> None:
    other = np.random.default_rng(1).normal(1, 1, 100)
    found = bootstrap_difference(VALUES, other)
    error = (VALUES.var() / 400 + other.var() / 100) ** 0.5
    assert found.mean == pytest.approx(VALUES.mean() - other.mean()) and found.n == 100
    assert width(found) == pytest.approx(2 * 1.96 * error, rel=CLOSE)
    assert (found.low + found.high) / 2 == pytest.approx(found.mean, abs=0.2 * error)
    same = bootstrap_difference(VALUES, VALUES)  # two samples, not pairs
    assert width(same) == pytest.approx(2**0.5 * WIDTH, rel=CLOSE)


def test_what_is_none_is_left_out_and_nothing_has_no_mean() -> None:
    assert mean_of_known([None, 1.0, None, 2.0]) == bootstrap_mean([1.0, 2.0])
    assert mean_of_known([None]) is None


def test_percentiles_are_the_middle_95_of_100_and_leave_out_what_is_no_number() -> None:
    found = percentile_interval(0.5, [*np.linspace(0, 1, 1001), np.nan], 9)
    assert (found.low, found.high) == pytest.approx((0.025, 0.975)) and found.n == 9


def test_a_resample_holds_as_many_clusters_as_there_are_with_replacement() -> None:
    counts, drawn = resample_counts(6, seed=3), draw_clusters(6, seed=3)
    assert counts.shape == (RESAMPLES, 6) and (counts.sum(1) == 6).all()
    assert counts[7].tolist() == np.bincount(drawn[7], minlength=6).tolist()
    assert counts.var() == pytest.approx(5 / 6, rel=0.03)  # binomial: n p (1 - p)
