"""How sure one can be: the bootstrap over openings, whose stories are alike (Efron 1979)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

RESAMPLES = 2000


@dataclass(frozen=True, kw_only=True)
class Mean:
    """A mean, or another number made from many, with its 95 % interval; None with one opening."""

    mean: float
    interval: tuple[float, float] | None


def draws(clusters: int, seed: int, resamples: int = RESAMPLES) -> Int[np.ndarray, "resample draw"]:
    """Which clusters stand in each resample: as many as there are, drawn with replacement."""
    return np.random.default_rng(seed).integers(0, max(1, clusters), (resamples, clusters))


def resampled_sums(
    clusters: Sequence[str], values: Float[np.ndarray, "row number"], seed: int
) -> Float[np.ndarray, "resample number"]:
    """The sum of each column in each resample of whole clusters."""
    names = sorted(set(clusters))
    place = {name: at for at, name in enumerate(names)}
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, [place[name] for name in clusters], values)
    counts = np.zeros((RESAMPLES, len(names)))
    np.add.at(counts, (np.arange(RESAMPLES)[:, None], draws(len(names), seed)), 1)
    return counts @ sums


def percentiles(resampled: Float[np.ndarray, "resample"]) -> tuple[float, float]:
    """The middle 95 % of what the resamples say."""
    low, high = np.percentile(resampled[np.isfinite(resampled)], [2.5, 97.5])
    return float(low), float(high)


def mean_over(clusters: Sequence[str], values: Sequence[float], seed: int = 0) -> Mean:
    """The mean of `values`, each of which belongs to a cluster."""
    column = np.array(values, dtype=float)
    interval = None
    if len(set(clusters)) > 1:
        both = np.stack([column, np.ones_like(column)], axis=1)
        sums = resampled_sums(clusters, both, seed)
        interval = percentiles(sums[:, 0] / sums[:, 1])
    return Mean(mean=float(column.mean()), interval=interval)
