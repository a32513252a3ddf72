"""The one type of a number with its 95 % interval, for one number and for arrays of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

Z95 = 1.96
"""Standard errors in half of a 95 % interval (normal approximation)."""
POWER = 0.84
"""Standard errors more at which a two-sided test at 5 % sees a true difference four times in five."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean, or another statistic, with its 95 % interval, from `n` observations.

    `low` and `high` are NaN where nothing tells how far to trust it: from a single cluster.
    """

    mean: float
    low: float
    high: float
    n: int

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The interval's ends; None where they are not known."""
        return None if math.isnan(self.low) or math.isnan(self.high) else (self.low, self.high)

    @property
    def whiskers(self) -> tuple[float, float]:
        """The interval's ends for a figure; both at the mean where they are not known."""
        return self.bounds or (self.mean, self.mean)

    @property
    def detectable(self) -> float:
        """The smallest true difference detected with 80 % power: (1.96 + 0.84) standard errors."""
        return (self.high - self.low) / 2 / Z95 * (Z95 + POWER)

    def to_text(self, spec: str = ".2f") -> str:
        """Format as `mean (low to high)`, the mean alone where the interval is not known."""
        ends = "" if self.bounds is None else f" ({self.low:{spec}} to {self.high:{spec}})"
        return f"{self.mean:{spec}}{ends}"

    def to_json(self) -> dict[str, Any]:
        """Return plain values; null where a number is not known."""
        low, high = self.bounds or (None, None)
        return {"mean": self.mean, "low": low, "high": high, "n": self.n}


@dataclass(frozen=True, kw_only=True, eq=False)
class Intervals:
    """`Interval` for many units at once, in arrays of one shape; NaN where not measured."""

    mean: Float[np.ndarray, "*unit"]
    low: Float[np.ndarray, "*unit"]
    high: Float[np.ndarray, "*unit"]

    @classmethod
    def stack(cls, parts: Sequence["Intervals"]) -> "Intervals":
        """Put intervals side by side, along a new last axis."""
        return cls(
            mean=np.stack([part.mean for part in parts], -1),
            low=np.stack([part.low for part in parts], -1),
            high=np.stack([part.high for part in parts], -1),
        )

    def at(self, unit: int | tuple[int, ...], n: int) -> Interval:
        """Take one unit's interval, from `n` observations."""
        mean, low, high = (float(part[unit]) for part in (self.mean, self.low, self.high))
        return Interval(mean=mean, low=low, high=high, n=n)

    def is_significant(self, least: float) -> Bool[np.ndarray, "*unit"]:
        """Return whether the mean is at least `least` and the whole interval lies above 0."""
        return np.asarray((self.low > 0) & (self.mean >= least))
