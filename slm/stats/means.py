"""A mean, and how sure one can be of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from jaxtyping import Float

RESAMPLES = 1000
INTERVAL, DETECTABLE = 1.96, 1.96 + 0.84
"""Standard errors: half of a 95 % interval, and the true difference from 0 that four of five such
studies would see (a power of 80 % at a significance of 5 %, two-sided)."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over things, with its 95 % interval."""

    mean: float
    interval: tuple[float, float]
    count: int

    @property
    def detectable(self) -> float:
        """Of a difference: the smallest true one that would have been seen with a power of 80 %."""
        return (self.interval[1] - self.interval[0]) / 2 / INTERVAL * DETECTABLE


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
