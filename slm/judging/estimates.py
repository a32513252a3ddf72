"""A mean, and how sure one can be of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from jaxtyping import Float

RESAMPLES = 1000


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over things, with its 95 % interval."""

    mean: float
    interval: tuple[float, float]
    count: int


def estimate(values: Iterable[int | float | None], seed: int = 0) -> Estimate | None:
    """The mean, with a bootstrap over things (percentiles of 1,000 resamples); None of nothing."""
    known = np.array([value for value in values if value is not None], dtype=float)
    if not len(known):
        return None
    draw = np.random.default_rng(seed)
    means: Float[np.ndarray, "resample"] = known[
        draw.integers(len(known), size=(RESAMPLES, len(known)))
    ].mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Estimate(mean=fmean(known), interval=(float(low), float(high)), count=len(known))
