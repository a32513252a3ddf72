"""Proportions of things counted, and their differences, with intervals in closed form."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from slm.stats.interval import Z95, Interval


@dataclass(frozen=True, kw_only=True)
class Proportion:
    """`hits` of `count` independent things."""

    hits: int
    count: int

    @property
    def value(self) -> float:
        """The share of hits."""
        return self.hits / self.count

    @property
    def interval(self) -> Interval:
        """The share with Wilson's (1927) score interval."""
        middle = (self.hits + Z95**2 / 2) / (self.count + Z95**2)
        spread = self.hits * (1 - self.value) + Z95**2 / 4
        half = Z95 * math.sqrt(spread) / (self.count + Z95**2)
        low, high = max(0.0, middle - half), min(1.0, middle + half)
        return Interval(mean=self.value, low=low, high=high, n=self.count)

    def to_json(self) -> dict[str, Any]:
        """Return the proportion with its interval."""
        return self.interval.to_json()


def total(proportions: Iterable[Proportion]) -> Proportion:
    """Count the things of several proportions together."""
    every = list(proportions)
    return Proportion(hits=sum(one.hits for one in every), count=sum(one.count for one in every))


def difference(mine: Proportion, other: Proportion) -> Interval:
    """Estimate the difference of two independent proportions (Newcombe 1998, method 10).

    `n` is the smaller of the two counts.
    """
    a, b = mine.interval, other.interval
    return Interval(
        mean=a.mean - b.mean,
        low=a.mean - b.mean - math.hypot(a.mean - a.low, b.high - b.mean),
        high=a.mean - b.mean + math.hypot(a.high - a.mean, b.mean - b.low),
        n=min(a.n, b.n),
    )
