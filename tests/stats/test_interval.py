"""The interval type: what is known of a number, as text and as JSON."""

import numpy as np
import pytest

from slm.stats.interval import Interval, Intervals

UNKNOWN = Interval(mean=0.5, low=float("nan"), high=float("nan"), n=1)


def test_an_interval_is_told_with_its_ends() -> None:
    found = Interval(mean=0.5, low=0.25, high=1.0, n=7)
    assert found.bounds == found.whiskers == (0.25, 1.0)
    assert found.to_text("+.1f") == "+0.5 (+0.2 to +1.0)"
    assert found.to_json() == {"mean": 0.5, "low": 0.25, "high": 1.0, "n": 7}


def test_what_is_not_known_is_left_out_and_never_a_number() -> None:
    assert UNKNOWN.bounds is None and UNKNOWN.whiskers == (0.5, 0.5)
    assert UNKNOWN.to_text() == "0.50"
    assert UNKNOWN.to_json() == {"mean": 0.5, "low": None, "high": None, "n": 1}


def test_what_is_detectable_is_2_8_standard_errors() -> None:
    assert Interval(mean=0.0, low=-1.96, high=1.96, n=9).detectable == pytest.approx(2.8)


def test_it_is_significant_where_all_of_it_lies_above_0_and_its_mean_is_large_enough() -> None:
    found = Intervals(
        mean=np.array([0.2, 0.2, 0.04, np.nan]),
        low=np.array([0.1, -0.1, 0.03, np.nan]),
        high=np.array([0.3, 0.5, 0.05, np.nan]),
    )
    assert found.is_significant(0.05).tolist() == [True, False, False, False]
    both = Intervals.stack([found, found])
    assert both.mean.shape == (4, 2) and both.at((1, 0), 3).low == -0.1
