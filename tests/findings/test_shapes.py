"""Width and depth: emergence and what leans on which, with false alarms and misses, on comparable runs."""

import numpy as np
import pytest

from slm.findings.finding import FindingVerdict
from slm.findings.shapes import appears_between, depth_helps, largest_step, leans_on
from slm.findings.subjects import MeasuredCheckpoint
from tests.findings.worlds import NOISE, OPENINGS, WEIGHTS, checkpoint, noisy, rates

WIDTHS = (32, 64, 128, 256)


def jumped(steps: tuple[float, ...], draw: np.random.Generator) -> FindingVerdict:
    """The verdict on a jump at the second step, of openings with a level and noise."""
    means = np.concatenate([[0], np.cumsum(steps)])[:, None]
    values = means + NOISE * draw.standard_normal((len(means), OPENINGS))
    return largest_step((values + draw.standard_normal(OPENINGS)) @ WEIGHTS.T, 1)[0]


@pytest.mark.parametrize("steps", [(1, 1, 1), (0, 0, 0), (2, 0.2, 0.2), (0.2, 0.2, 2)])
def test_even_growth_and_a_jump_elsewhere_are_no_jump(steps: tuple[float, ...]) -> None:
    assert rates(lambda draw: jumped(steps, draw))["holds"] <= 0.05


def test_a_jump_from_64_to_128_is_missed_in_at_most_one_of_five() -> None:
    found = rates(lambda draw: jumped((0.2, 2, 0.2), draw))
    assert found["holds"] >= 0.8 and found["does not hold"] <= 0.05
    assert rates(lambda draw: jumped((2, 0.2, 0.2), draw))["does not hold"] >= 0.8


def row(means: tuple[float, ...], widths: tuple[int, ...] = WIDTHS) -> list[MeasuredCheckpoint]:
    """Runs of one layer with these means."""
    draw = np.random.default_rng(0)
    return [
        checkpoint(f"w{width}", noisy({"consistency": mean}, draw), width=width)
        for width, mean in zip(widths, means, strict=True)
    ]


def test_emergence_asks_for_every_doubling() -> None:
    assert appears_between(row((2, 2.2, 6, 6.2)), "j").verdict == "holds"
    assert appears_between(row((2, 6, 6.2, 6.4)), "j").verdict == "does not hold"
    gap = appears_between(row((2, 6, 6.2), (64, 128, 512)), "j")
    assert gap.number is None and "every doubling" in gap.why


def grid(
    by_width: float, by_depth: float, *, seed: int, vocabulary: str = "v"
) -> list[MeasuredCheckpoint]:
    """Nine runs whose plot grows with each doubling of width and of depth."""
    draw = np.random.default_rng(seed)
    return [
        checkpoint(
            f"w{w}d{d}",
            noisy({"plot": 4 + by_width * w + by_depth * d}, draw),
            width=32 * 2**w,
            layers=2**d,
            vocabulary=vocabulary,
        )
        for w in range(3)
        for d in range(3)
    ]


def leaning(by_width: float, by_depth: float) -> dict[FindingVerdict, float]:
    """The verdicts on grids that differ in their openings alone."""
    return rates(
        lambda draw: (
            leans_on(
                grid(by_width, by_depth, seed=int(draw.integers(1 << 30))),
                "plot",
                "width",
                "depth",
                "j",
            ).verdict
        )
    )


def test_what_leans_on_both_alike_for_its_parameters_is_a_tie() -> None:
    found = leaning(1.0, 0.5)  # twice the width is four times the parameters
    assert found["holds"] + found["does not hold"] <= 0.05


def test_what_leans_on_width_is_told_and_so_is_the_contrary() -> None:
    assert leaning(1.5, 0.25)["holds"] >= 0.8
    assert leaning(0.4, 0.8)["does not hold"] >= 0.8


def test_runs_of_another_vocabulary_or_budget_are_not_compared() -> None:
    runs = grid(1.5, 0.25, seed=0)
    other = [one for one in grid(1.5, 0.25, seed=1, vocabulary="w") if one.layers > 1]
    mixed = leans_on([*runs[::3], *other], "plot", "width", "depth", "j")  # one layer; two and four
    assert "widths 32, 64, 128 at depths 2, 4" in mixed.why
    assert mixed.warnings and "w0d0, w1d0, w2d0" in mixed.warnings[0]
    alone = leans_on(runs[::3], "plot", "width", "depth", "j")
    assert alone.verdict == "can't be told" and "two widths" in alone.why


def test_depth_helps_consistency_more_where_it_does() -> None:
    draw = np.random.default_rng(0)
    low = checkpoint("a", noisy({"grammar": 6, "consistency": 4}, draw))
    high = checkpoint("b", noisy({"grammar": 6.5, "consistency": 7}, draw), layers=4)
    assert depth_helps([low, high], "j", one_scale=True).verdict == "holds"
    assert depth_helps([low, high], "j", one_scale=False).verdict == "holds"
    less = checkpoint("b", noisy({"grammar": 9, "consistency": 4.5}, draw), layers=4)
    assert depth_helps([low, less], "j", one_scale=True).verdict == "does not hold"
    wider = checkpoint("b", noisy({"grammar": 6.5, "consistency": 7}, draw), width=128, layers=4)
    assert depth_helps([low, wider], "j", one_scale=True).number is None
