"""The percentile bootstrap over whole clusters (Efron 1979), which every interval by resampling uses.

What is drawn is the cluster: stories of one opening, or words of one story, are alike, and to draw
them one by one would make an interval too narrow.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float, Int, Shaped

from slm.stats.interval import Interval, Intervals

RESAMPLES = 2000


def draw_clusters(count: int, seed: int = 0) -> Int[np.ndarray, "resample draw"]:
    """Draw `count` of `count` clusters with replacement, `RESAMPLES` times: their numbers."""
    return np.random.default_rng(seed).integers(0, max(1, count), (RESAMPLES, count))


def resample_counts(count: int, seed: int = 0) -> Int[np.ndarray, "resample cluster"]:
    """Count how often each cluster stands in each resample of `draw_clusters`."""
    cells = draw_clusters(count, seed) + count * np.arange(RESAMPLES)[:, None]
    return np.bincount(cells.ravel(), minlength=RESAMPLES * count).reshape(RESAMPLES, count)


def cluster_sums(
    values: Shaped[np.ndarray, "row *unit"], clusters: Sequence[object] | np.ndarray
) -> Float[np.ndarray, "cluster *unit"]:
    """Sum the rows of each cluster, clusters in sorted order."""
    names, cluster = np.unique(np.asarray(clusters), return_inverse=True)
    sums = np.zeros((len(names), *values.shape[1:]))
    np.add.at(sums, cluster.ravel(), values)
    return sums


def percentile_interval(
    mean: float, resampled: Sequence[float | int] | Shaped[np.ndarray, "resample"], n: int
) -> Interval:
    """Take the middle 95 % of the resamples; those without a number are left out."""
    known = np.asarray(resampled, dtype=float)
    known = known[np.isfinite(known)]
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) > 1 else (np.nan, np.nan)
    return Interval(mean=mean, low=float(low), high=float(high), n=n)


def bootstrap_ratio(
    numerator: Shaped[np.ndarray, "cluster *unit"],
    denominator: Shaped[np.ndarray, "cluster *unit"],
    seed: int = 0,
) -> Intervals:
    """Estimate sum(numerator) / sum(denominator) of each unit, resampling clusters alike for all units.

    The interval is NaN for a unit with fewer than two clusters in its denominator. Resamples whose
    denominator is 0 are left out.
    """
    unit, clusters = numerator.shape[1:], len(numerator)
    above, below = (part.reshape(clusters, -1).astype(float) for part in (numerator, denominator))
    n = (below != 0).sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = above.sum(0) / below.sum(0)
        counts = resample_counts(clusters, seed).astype(float)
        resampled = (counts @ above) / (counts @ below)
    low, high = np.full((2, len(n)), np.nan)
    whole = np.isfinite(resampled).all(0)
    low[whole], high[whole] = np.percentile(resampled[:, whole], [2.5, 97.5], axis=0)
    for at in np.flatnonzero(~whole & (n > 1)):
        one = percentile_interval(float(mean[at]), resampled[:, at], 0)
        low[at], high[at] = one.low, one.high
    low[n < 2], high[n < 2] = np.nan, np.nan
    return Intervals(mean=mean.reshape(unit), low=low.reshape(unit), high=high.reshape(unit))


def bootstrap_means(
    values: Shaped[np.ndarray, "row *unit"], seed: int = 0, *, least: int = 2
) -> Intervals:
    """Estimate the mean over rows of each unit, resampling rows alike for all units.

    Everything is NaN with fewer than `least` rows.
    """
    if len(values) < least:
        nothing = np.full(values.shape[1:], np.nan)
        return Intervals(mean=nothing, low=nothing, high=nothing)
    return bootstrap_ratio(values, np.ones(values.shape), seed)


def bootstrap_mean(
    values: Sequence[float | int] | Shaped[np.ndarray, "row"],
    clusters: Sequence[object] | np.ndarray | None = None,
    seed: int = 0,
) -> Interval:
    """Estimate the mean of one or more values, resampling whole clusters (each value, where not given).

    `n` counts the values.
    """
    column = np.asarray(values, dtype=float)
    names = np.arange(len(column)) if clusters is None else clusters
    sums = cluster_sums(np.stack([column, np.ones_like(column)], axis=1), names)
    found = bootstrap_ratio(sums[:, 0], sums[:, 1], seed)
    return found.at((), len(column))


def mean_of_known(values: Iterable[float | int | None], seed: int = 0) -> Interval | None:
    """Estimate the mean of the values that are not None, as `bootstrap_mean`; None of nothing."""
    known = [value for value in values if value is not None]
    return bootstrap_mean(known, seed=seed) if known else None


def bootstrap_difference(
    values: Sequence[float | int] | Shaped[np.ndarray, "row"],
    others: Sequence[float | int] | Shaped[np.ndarray, "other"],
    seed: int = 0,
) -> Interval:
    """Estimate the difference of two means, resampling each of two independent samples.

    `n` is the smaller number of values.
    """
    sides = [np.asarray(side, dtype=float) for side in (values, others)]
    draw = np.random.default_rng(seed)
    means = [side[draw.integers(len(side), size=(RESAMPLES, len(side)))].mean(1) for side in sides]
    mean = float(sides[0].mean() - sides[1].mean())
    found = percentile_interval(mean, means[0] - means[1], min(map(len, sides)))
    known = min(map(len, sides)) > 1
    return found if known else Interval(mean=mean, low=np.nan, high=np.nan, n=found.n)
