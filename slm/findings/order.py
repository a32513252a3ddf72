"""Which of two measures makes its rise first: over a training, or over widths."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from slm.findings.finding import Finding, by_sign, interval_of, unmeasured
from slm.findings.subjects import MeasuredCheckpoint, draws_of, last_of_runs, rectangle
from slm.stats.interval import Interval

LEAST_POINTS = 4


def rises_at(
    axis: Float[np.ndarray, "point"], curves: Float[np.ndarray, "point draw"]
) -> Float[np.ndarray, "draw"]:
    """Return the mean position at which a curve makes its rise; NaN in a draw that does not rise.

    The end of the axis less the area under the share of the rise that is made, by trapezoids. Unlike
    the place where 90 % is made, it is no later for a noisier measure.
    """
    rise = curves[-1] - curves[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (curves - curves[0]) / rise
        area = np.trapezoid(share, axis, axis=0)
        return np.asarray(np.where(rise > 0, axis[-1] - area, np.nan))


def compare_rises(
    axis: Float[np.ndarray, "point"], draws: Float[np.ndarray, "2 point draw"], n: int
) -> tuple[Interval | None, tuple[int, ...]]:
    """Estimate how much later the second measure rises than the first, and name those that do not rise.

    None where the interval of a measure's rise holds 0: nothing levels off that has not risen.
    """
    flat = tuple(
        at for at, curves in enumerate(draws) if not interval_of(curves[-1] - curves[0], n).low > 0
    )
    if flat:
        return None, flat
    return interval_of(rises_at(axis, draws[1]) - rises_at(axis, draws[0]), n), ()


def levels_first(
    checkpoints: Sequence[MeasuredCheckpoint], first: str, then: str, source: str
) -> Finding:
    """Test that `first` levels off before `then` in the run with most measured checkpoints."""
    claim = f"While a model learns, {first} levels off before {then}"
    against = (
        f"{then} makes its rise earlier than {first}; a tie decides nothing, and neither does a measure "
        "that does not rise"
    )
    runs: dict[str, list[MeasuredCheckpoint]] = {}
    for one in sorted(checkpoints, key=lambda one: one.step):
        if {first, then} <= one.values.keys():
            runs.setdefault(one.run, []).append(one)
    history = max(runs.values(), key=len, default=[])
    if len(history) < LEAST_POINTS:
        return unmeasured(
            claim,
            against,
            f"it takes {LEAST_POINTS} checkpoints of one run measured for {first} and {then}, and there "
            f"are {len(history)}",
        )
    tokens = np.array([max(one.tokens, 1) for one in history], dtype=float)
    if tokens[0] <= 1 < tokens[1]:
        tokens[0] = tokens[1] / 2  # untrained: one doubling before the first that is
    where = f"in {history[0].run}, over {len(history)} checkpoints, "
    words = (claim, against, where, "doublings of the tokens later", source)
    return _tested(history, np.log2(tokens), (first, then), words)


def needs_width(last: Sequence[MeasuredCheckpoint], source: str) -> Finding:
    """Test that creativity needs a larger width than grammar, at one depth."""
    claim = "Creativity needs a larger model than grammar"
    against = "creativity makes its rise at smaller widths than grammar; a tie decides nothing"
    both = [one for one in last_of_runs(last) if {"grammar", "creativity"} <= one.values.keys()]
    row, warnings = rectangle(both, lambda widths, depths: len(widths) >= 3)
    if row is None:
        why = "it takes runs of one depth and three widths, alike in vocabulary, corpus and budget"
        return unmeasured(claim, against, why)
    depth = row.depths[-1]
    runs = [row.at[width, depth] for width in row.widths]
    where = f"at {depth} layer{'s' * (depth > 1)}, widths {row.widths[0]} to {row.widths[-1]}, "
    words = (claim, against, where, "doublings of the width later", source)
    axis = np.log2(np.array(row.widths, dtype=float))
    return _tested(runs, axis, ("grammar", "creativity"), words, warnings)


def _tested(
    points: Sequence[MeasuredCheckpoint],
    axis: Float[np.ndarray, "point"],
    measures: tuple[str, str],
    words: tuple[str, str, str, str, str],
    warnings: tuple[str, ...] = (),
) -> Finding:
    claim, against, where, unit, source = words
    draws, n = draws_of(points, measures)
    number, flat = compare_rises(axis, draws, n) if draws.size else (None, ())
    if not draws.size:
        why = f"only {n} openings were measured everywhere"
    elif number is None:
        names = " and ".join(measures[at] for at in flat)
        why = f"the rise of {names} cannot be told from 0, so nothing levels off"
    else:
        later = "later" if number.mean > 0 else "earlier"
        why = (
            f"{measures[1]} makes its rise {abs(number.mean):.2f} doublings {later} than {measures[0]}, "
            "on average"
        )
    return Finding(
        claim=claim,
        against=against,
        verdict="can't be told" if number is None else by_sign(number),
        why=where + why,
        number=number,
        unit=unit,
        source=source,
        warnings=warnings,
    )
