"""Scales keep still while one scrubs: they end at few round numbers, or are fixed."""

import pytest

from app.figures.predictions import bars, stages
from app.figures.style import ends, rounded_up, span
from app.theme import LIGHT


@pytest.mark.parametrize(
    ("value", "stop"),
    [
        (0.07, 0.1),
        (0.1, 0.1),
        (0.11, 0.2),
        (0.3, 0.5),
        (0.51, 1),
        (1.2, 2),
        (-4, 5),
        (7, 10),
        (11, 20),
    ],
)
def test_a_scale_ends_at_the_next_round_number(value: float, stop: float) -> None:
    assert rounded_up(value) == stop


def test_a_scale_has_a_least_end() -> None:
    assert rounded_up(0.003, 1.0) == 1.0
    assert rounded_up(0.0) > 0


def test_each_side_of_bars_has_its_own_end() -> None:
    assert ends([-0.3, 1.1]) == (-0.5, 2.0)
    assert ends([0.3]) == (0.0, 0.5)
    assert ends([]) == (0.0, 0.0)


def test_an_axis_far_from_zero_takes_in_every_value() -> None:
    assert span([1.21, 1.36]) == pytest.approx((1.2, 1.4))
    low, high = span([0.5, 0.5])
    assert low <= 0.5 <= high


def test_values_that_change_a_little_leave_the_axes_where_they_were() -> None:
    one, other = (
        bars(["a", "b"], [1.2, -0.3], LIGHT, "nats"),
        bars(["a", "b"], [1.9, -0.4], LIGHT, "nats"),
    )
    assert one.layout.xaxis.range == other.layout.xaxis.range
    one, other = (stages(["end"], [chance], ["x"], LIGHT) for chance in (0.21, 0.48))
    assert one.layout.xaxis.range == other.layout.xaxis.range
