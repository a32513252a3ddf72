"""What width and depth do: between runs alike in the other axis, the vocabulary and the budget."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from slm.findings.finding import Finding, FindingVerdict, by_sign, interval_of, unmeasured
from slm.findings.subjects import (
    MeasuredCheckpoint,
    Rectangle,
    draws_of,
    last_of_runs,
    rectangle,
)

SURE = 0.95
JUMP = (64, 128)
ALIKE = "alike in vocabulary, corpus, budget and the width of a head"


def leans_on(
    last: Sequence[MeasuredCheckpoint], measure: str, more: str, less: str, source: str
) -> Finding:
    """Test that a measure gains more by `more` than by `less` ("width", "depth"), for the parameters.

    A block has 12 d^2 parameters, so twice the width is four times the parameters, twice the depth
    twice: gains are compared for each doubling of the blocks' parameters.
    """
    claim = f"For the same parameters, {more} buys more {measure} than {less}"
    against = f"a doubling of the parameters gains more {measure} by {less} than by {more}"
    there = [one for one in last_of_runs(last) if measure in one.values]
    grid, warnings = rectangle(there, lambda widths, depths: min(len(widths), len(depths)) >= 2)
    if grid is None:
        why = f"it takes runs of two widths, each at the same two depths, {ALIKE}, with {measure}"
        return unmeasured(claim, against, why)
    draws, n = draws_of(grid.runs, [measure])
    if not draws.size:
        return unmeasured(claim, against, f"only {n} openings were measured everywhere")
    gains = _gains(grid, draws[0])
    width, depth = (interval_of(gains[axis], n).to_text("+.3f") for axis in ("width", "depth"))
    paid = {"width": gains["width"] / 2, "depth": gains["depth"]}
    number = interval_of(paid[more] - paid[less], n)
    return Finding(
        claim=claim,
        against=against,
        verdict=by_sign(number),
        why=f"over widths {_list(grid.widths)} at depths {_list(grid.depths)}, a doubling of the width "
        f"(four times the parameters) gains {width}, of the depth (twice) {depth}",
        number=number,
        unit=f"more {measure} by {more} for each doubling of the parameters",
        source=source,
        warnings=warnings,
    )


def depth_helps(last: Sequence[MeasuredCheckpoint], source: str, *, one_scale: bool) -> Finding:
    """Test that depth adds more to consistency than to grammar.

    Where the two have no scale in common, both are in standard deviations over openings of their
    measure at the shallowest runs.
    """
    claim = "Depth helps consistency more than grammar"
    against = "from the shallowest to the deepest runs of the same widths, grammar gains more"
    measures = ("grammar", "consistency")
    there = [one for one in last_of_runs(last) if set(measures) <= one.values.keys()]
    grid, warnings = rectangle(there, lambda widths, depths: len(depths) >= 2)
    if grid is None:
        return unmeasured(claim, against, f"it takes runs of one width and two depths, {ALIKE}")
    draws, n = draws_of(grid.runs, measures)
    if not draws.size:
        return unmeasured(claim, against, f"only {n} openings were measured everywhere")
    grammar, consistency = (
        _gains(grid, of)["depth"] / (1 if one_scale else _spread(grid, name))
        for of, name in zip(draws, measures, strict=True)
    )
    number = interval_of(consistency - grammar, n)
    unit = "points a doubling" if one_scale else "standard deviations over openings a doubling"
    return Finding(
        claim=claim,
        against=against,
        verdict=by_sign(number),
        why=f"at widths {_list(grid.widths)}, from {grid.depths[0]} to {grid.depths[-1]} layers, a "
        f"doubling of the depth adds {consistency[0]:+.2f} to consistency, {grammar[0]:+.2f} to grammar",
        number=number,
        unit=unit,
        source=source,
        warnings=warnings,
    )


def appears_between(last: Sequence[MeasuredCheckpoint], source: str) -> Finding:
    """Test that consistency's largest step over doublings of the width is the one from 64 to 128."""
    low, high = JUMP
    claim = f"Consistency appears between width {low} and {high}"
    against = (
        f"another doubling of the width gains more in {SURE:.0%} of the draws; growth that is even, or a "
        "doubling that was not trained, does not make it hold"
    )
    there = [one for one in last_of_runs(last) if "consistency" in one.values]
    row, warnings = rectangle(there, lambda widths, depths: _every_doubling(widths))
    if row is None:
        why = (
            f"it takes runs of one depth at every doubling of the width, {low // 2} to {high * 2} at "
            f"least, {ALIKE}"
        )
        return unmeasured(claim, against, why)
    depth = row.depths[-1]
    runs = [row.at[width, depth] for width in row.widths]
    draws, n = draws_of(runs, ["consistency"])
    if not draws.size:
        return unmeasured(claim, against, f"only {n} openings were measured everywhere")
    verdict, steps, at = largest_step(draws[0], row.widths.index(low))
    others = np.delete(steps, at, axis=0).max(0)
    number = interval_of(steps[at] - others, n)
    told = ", ".join(
        f"{a} to {b} {step:+.3f}"
        for a, b, step in zip(row.widths[:-1], row.widths[1:], steps[:, 0], strict=True)
    )
    return Finding(
        claim=claim,
        against=against,
        verdict=verdict,
        why=f"at {depth} layer{'s' * (depth > 1)}, each doubling of the width gains: {told}",
        number=number,
        unit=f"how much more {low} to {high} gains than the largest other step",
        source=source,
        warnings=warnings,
    )


def largest_step(
    curve: Float[np.ndarray, "width draw"], at: int
) -> tuple[FindingVerdict, Float[np.ndarray, "step draw"], int]:
    """Tell whether the step from width `at` to the next is the largest, in 95 % of the draws.

    The step must be a rise, too; the finding does not hold where one and the same other step is the
    largest in 95 % of the draws.
    """
    steps = np.diff(curve, axis=0)
    largest = steps[:, 1:].argmax(0)
    shares = [float(np.mean(largest == one)) for one in range(len(steps))]
    rises = float(np.mean(steps[at, 1:] > 0)) >= SURE
    verdict: FindingVerdict = "can't be told"
    if shares[at] >= SURE and rises:
        verdict = "holds"
    elif max(share for one, share in enumerate(shares) if one != at) >= SURE:
        verdict = "does not hold"
    return verdict, steps, at


def _every_doubling(widths: Sequence[int]) -> bool:
    """Return whether each width is twice the one before, with one below and one above the jump."""
    doubled = all(b == 2 * a for a, b in pairwise(widths))
    return doubled and widths[0] < JUMP[0] and widths[-1] > JUMP[1]


def _gains(
    grid: Rectangle, means: Float[np.ndarray, "checkpoint draw"]
) -> dict[str, Float[np.ndarray, "draw"]]:
    """Return what a doubling of each axis gains, averaged over the other axis's values."""
    table = means.reshape(len(grid.widths), len(grid.depths), -1)
    wider = np.log2(grid.widths[-1] / grid.widths[0]) or np.nan
    deeper = np.log2(grid.depths[-1] / grid.depths[0]) or np.nan
    return {
        "width": (table[-1] - table[0]).mean(0) / wider,
        "depth": (table[:, -1] - table[:, 0]).mean(0) / deeper,
    }


def _spread(grid: Rectangle, measure: str) -> float:
    """Return the standard deviation over openings at the shallowest runs."""
    shallow = [grid.at[width, grid.depths[0]].values[measure] for width in grid.widths]
    return float(np.mean([np.std(list(one.values()), ddof=1) for one in shallow])) or 1.0


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
