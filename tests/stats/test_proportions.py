"""Proportions and their differences, held against published and other people's numbers."""

import pytest

from slm.stats.proportions import Proportion, difference, total


def test_the_interval_of_a_proportion_is_wilsons() -> None:
    one = Proportion(hits=15, count=148).interval  # Newcombe 1998 (17, 857), table I, method 3
    assert (one.low, one.high) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    none = Proportion(hits=0, count=20).interval
    assert (none.low, none.high) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert Proportion(hits=29, count=29).interval.high == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("mine", "other", "low", "high"),
    [  # Newcombe 1998 (17, 873), table II, method 10
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((0, 10), (0, 10), -0.2775, 0.2775),
    ],
)
def test_the_interval_of_a_difference_is_newcombes(
    mine: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    found = difference(
        Proportion(hits=mine[0], count=mine[1]), Proportion(hits=other[0], count=other[1])
    )
    assert found.mean == pytest.approx(mine[0] / mine[1] - other[0] / other[1])
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


def test_proportions_of_several_layers_are_counted_together() -> None:
    assert total([Proportion(hits=3, count=10), Proportion(hits=1, count=30)]) == Proportion(
        hits=4, count=40
    )
