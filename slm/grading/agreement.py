"""Agreement of two judges on the same stories."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from slm.grading.questions import Graded
from slm.grading.scores import by_story, dimensions_of
from slm.stats.bootstrap import bootstrap_mean, draw_clusters, percentile_interval
from slm.stats.interval import Interval

FEWEST = 3
"""Of fewer stories no agreement is told."""

Grades = Float[np.ndarray, "story"]


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """The agreement of two judges in one dimension, over the stories that both graded.

    `order`: Spearman's rank correlation (1904); do they rank stories alike? `level`: Cohen's kappa
    with quadratic weights (1968); do they also give the same numbers? Both are 1 for judges who agree
    and near 0 for judges who have nothing in common. `higher`: by how many grades the first judge is
    above the second. None where a judge gave one and the same grade to all.
    """

    stories: int
    order: Interval | None
    level: Interval | None
    higher: Interval


def agreement(
    one: Sequence[Graded], other: Sequence[Graded], seed: int = 0
) -> dict[str, Agreement]:
    """Compare two judges' grades, dimension by dimension; repeats of a story are averaged first.

    The intervals resample openings. Empty where fewer than three stories were graded by both.
    """
    found: dict[str, Agreement] = {}
    for name in dimensions_of([*one, *other]):
        mine, theirs = by_story(one, name), by_story(other, name)
        both = sorted(mine.keys() & theirs.keys())
        if len(both) < FEWEST:
            continue
        x = np.array([np.mean(mine[story]) for story in both])
        y = np.array([np.mean(theirs[story]) for story in both])
        openings = [opening for opening, *_ in both]
        rows = _rows_drawn(openings, seed)
        found[name] = Agreement(
            stories=len(both),
            order=_correlation(spearman, x, y, rows),
            level=_correlation(kappa, x, y, rows),
            higher=bootstrap_mean(x - y, openings, seed),
        )
    return found


def spearman(x: Grades, y: Grades) -> float:
    """Compute Spearman's rank correlation with mean ranks for ties; NaN where all are tied."""
    a, b = _ranks(x), _ranks(y)
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else float("nan")


def kappa(x: Grades, y: Grades) -> float:
    """Compute Cohen's kappa with quadratic weights: 1 - observed / expected squared difference.

    Expected of independent judges, E (x - y)² over all pairs of a grade of one and a grade of the
    other, is var x + var y + (mean x - mean y)², so no table is needed.
    """
    expected = float(x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    return 1 - float(((x - y) ** 2).mean()) / expected if expected > 1e-12 else float("nan")


def _ranks(values: Grades) -> Grades:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[place]


def _rows_drawn(openings: Sequence[str], seed: int) -> list[np.ndarray]:
    """Return the row indices of each bootstrap resample of whole openings."""
    names = sorted(set(openings))
    rows = {name: np.flatnonzero([at == name for at in openings]) for name in names}
    return [
        np.concatenate([rows[names[at]] for at in drawn])
        for drawn in draw_clusters(len(names), seed)
    ]


def _correlation(
    of: Callable[[Grades, Grades], float], x: Grades, y: Grades, rows: Sequence[np.ndarray]
) -> Interval | None:
    """Estimate a correlation with its bootstrap interval; None where it is undefined.

    Resamples without one (all grades equal) are left out.
    """
    value = of(x, y)
    if not np.isfinite(value):
        return None
    return percentile_interval(value, [of(x[at], y[at]) for at in rows], len(x))
