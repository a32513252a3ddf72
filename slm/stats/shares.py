"""Shares of things counted, and how far one lies above another. Knows no model and no role."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from slm.stats.roc_auc import SURE


@dataclass(frozen=True, kw_only=True)
class Share:
    """`hits` of `count` independent things, with the 95 % interval of their share (Wilson 1927)."""

    hits: int
    count: int

    @property
    def value(self) -> float:
        """The share."""
        return self.hits / self.count

    @property
    def low(self) -> float:
        """The lower end of the interval."""
        return max(0.0, self._middle - self._wide)

    @property
    def high(self) -> float:
        """The upper end of the interval."""
        return min(1.0, self._middle + self._wide)

    @property
    def _middle(self) -> float:
        return (self.hits + SURE**2 / 2) / (self.count + SURE**2)

    @property
    def _wide(self) -> float:
        spread = self.hits * (1 - self.value) + SURE**2 / 4
        return SURE * math.sqrt(spread) / (self.count + SURE**2)


def total(shares: Iterable[Share]) -> Share:
    """The share among all of these together."""
    every = list(shares)
    return Share(hits=sum(one.hits for one in every), count=sum(one.count for one in every))


@dataclass(frozen=True, kw_only=True)
class Lead:
    """How far a share lies above another, with the 95 % interval."""

    value: float
    low: float
    high: float


def lead(mine: Share, other: Share) -> Lead:
    """The difference of two independent shares (Newcombe 1998, method 10)."""
    value = mine.value - other.value
    return Lead(
        value=value,
        low=value - math.hypot(mine.value - mine.low, other.high - other.value),
        high=value + math.hypot(mine.high - mine.value, other.value - other.low),
    )
