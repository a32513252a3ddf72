"""Which measure levels off first: false alarms and misses over simulated openings, and ties."""

import numpy as np
import pytest

from slm.findings.finding import FindingVerdict, by_sign
from slm.findings.order import compare_rises, levels_first, needs_width, rises_at
from tests.findings.worlds import NOISE, OPENINGS, WEIGHTS, checkpoint, noisy, rates

AXIS = np.arange(10.0)


def risen_at(point: float, rise: float = 4.0) -> np.ndarray:
    """A curve that rises in a straight line and is level from a point on."""
    return np.asarray(np.minimum(AXIS / point, 1) * rise)


def tried(
    first: np.ndarray, then: np.ndarray, draw: np.random.Generator, noise: tuple[float, float]
) -> FindingVerdict:
    """The verdict on two curves, with a level for each opening and noise at each point."""
    values = np.stack(
        [
            curve[:, None]
            + spread * draw.standard_normal((len(AXIS), OPENINGS))
            + draw.standard_normal(OPENINGS)
            for curve, spread in zip((first, then), noise, strict=True)
        ]
    )
    number, _ = compare_rises(AXIS, values @ WEIGHTS.T, OPENINGS)
    return "can't be told" if number is None else by_sign(number)


@pytest.mark.parametrize("noise", [(NOISE, NOISE), (0.5, 1.5), (1.5, 0.5)])
def test_equal_curves_are_told_apart_in_at_most_one_of_twenty(noise: tuple[float, float]) -> None:
    found = rates(lambda draw: tried(risen_at(5), risen_at(5), draw, noise))
    assert found["holds"] + found["does not hold"] <= 0.05


def test_a_measure_that_never_rises_levels_off_nowhere() -> None:
    flat = np.zeros(len(AXIS))
    assert rates(lambda draw: tried(flat, risen_at(7), draw, (1, 1)))["holds"] <= 0.05
    assert rates(lambda draw: tried(risen_at(3), flat, draw, (1, 1)))["holds"] <= 0.05


def test_an_order_that_is_there_is_missed_in_at_most_one_of_five() -> None:
    assert rates(lambda draw: tried(risen_at(3), risen_at(7), draw, (1, 1)))["holds"] >= 0.8
    other = rates(lambda draw: tried(risen_at(7), risen_at(3), draw, (1, 1)))
    assert other["does not hold"] >= 0.8 and other["holds"] <= 0.05


def test_the_mean_position_of_a_rise_is_its_middle() -> None:
    line, step = np.array([0.0, 1, 2, 3]), np.array([0.0, 0, 3, 3])
    assert rises_at(np.arange(4.0), np.stack([line, step], 1)).tolist() == [1.5, 1.5]
    early = np.array([[0.0], [1], [1], [1]])
    assert rises_at(np.arange(4.0), early).tolist() == [0.5]
    assert np.isnan(rises_at(np.arange(4.0), -early)).all()


def test_identical_curves_of_one_run_are_a_tie_and_three_checkpoints_are_no_curve() -> None:
    draw = np.random.default_rng(0)
    history = []
    for step, mean in enumerate([1, 4, 6, 6.5, 7]):
        same = noisy({"grammar": mean}, draw)["grammar"]
        history.append(checkpoint("r", {"grammar": same, "consistency": same}, step=step))
    found = levels_first(history, "grammar", "consistency", "j")
    assert found.verdict == "can't be told" and found.number and found.number.mean == 0
    few = levels_first(history[:3], "grammar", "consistency", "j")
    assert few.number is None and "it takes 4 checkpoints" in few.why


def test_creativity_that_rises_at_larger_widths_needs_a_larger_model() -> None:
    draw = np.random.default_rng(0)
    means = {32: (2, 2), 64: (6, 2.5), 128: (7, 6), 256: (7, 7)}
    row = [
        checkpoint(f"w{width}", noisy({"grammar": g, "creativity": c}, draw), width=width)
        for width, (g, c) in means.items()
    ]
    assert needs_width(row, "j").verdict == "holds"
    assert needs_width(row[:2], "j").number is None
