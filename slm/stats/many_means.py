"""Means over stories with how sure one can be of them, for many heads at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

RESAMPLES = 1000
LEAST_ROWS = 8
"""Stories below which nothing is said of a mean."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Estimates:
    """Means with their 95 % intervals; not a number where not measured."""

    mean: Float[np.ndarray, "*unit"]
    low: Float[np.ndarray, "*unit"]
    high: Float[np.ndarray, "*unit"]

    def clearly_above(self, least: float) -> np.ndarray:
        """Where the mean is at least `least` and the whole interval lies above 0."""
        return np.asarray((self.low > 0) & (self.mean >= least))


def estimate(values: Float[np.ndarray, "row *unit"], seed: int = 0) -> Estimates:
    """The mean over rows, with a percentile bootstrap over them (1,000 resamples, the same for all units).

    With fewer than `LEAST_ROWS` rows everything is not a number.
    """
    count, unit = len(values), values.shape[1:]
    if count < LEAST_ROWS:
        nothing = np.full(unit, np.nan, dtype=np.float32)
        return Estimates(mean=nothing, low=nothing, high=nothing)
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), RESAMPLES)
    means = (draws / count).astype(np.float32) @ values.reshape(count, -1).astype(np.float32)
    low, high = np.percentile(means, (2.5, 97.5), axis=0)
    return Estimates(
        mean=values.mean(0).astype(np.float32),
        low=low.reshape(unit).astype(np.float32),
        high=high.reshape(unit).astype(np.float32),
    )


def together(parts: Sequence[Estimates]) -> Estimates:
    """Estimates side by side, along a new last axis."""
    return Estimates(
        mean=np.stack([part.mean for part in parts], -1),
        low=np.stack([part.low for part in parts], -1),
        high=np.stack([part.high for part in parts], -1),
    )
