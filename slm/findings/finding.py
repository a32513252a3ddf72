"""A finding with its verdict: it holds, it does not, or it cannot be told from these runs."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from scipy.stats import norm, t

from slm.stats.interval import Interval

LEVEL = 0.97
"""Of the intervals: with it, equal curves over 29 openings are told apart in at most 5 % of simulations."""
FindingVerdict = Literal["holds", "does not hold", "can't be told"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A claim of the paper, what would count against it, and what the runs say.

    `number` is what decides, with its 95 % interval in `unit`: above 0 the claim holds, below 0 it does
    not, unless `against` says otherwise; None where nothing was measured. `source` says by what it was
    measured, `warnings` what in the comparison is not alike.
    """

    claim: str
    against: str
    verdict: FindingVerdict
    why: str
    number: Interval | None = None
    unit: str = ""
    source: str = ""
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain values; the number is null where nothing was measured."""
        return {
            "claim": self.claim,
            "against": self.against,
            "verdict": self.verdict,
            "number": None if self.number is None else self.number.to_json(),
            "unit": self.unit,
            "why": self.why,
            "source": self.source,
            "warnings": list(self.warnings),
        }


def by_sign(number: Interval) -> FindingVerdict:
    """Read a number whose sign is the claim: ties and intervals that hold 0 can't be told."""
    if number.bounds is None or number.low <= 0 <= number.high:
        return "can't be told"
    return "holds" if number.low > 0 else "does not hold"


def interval_of(draws: Float[np.ndarray, "draw"], n: int) -> Interval:
    """Take the first draw as the estimate and the others as its resamples, of `n` openings.

    The percentile interval of few openings is too narrow, and is widened to its nominal level by
    Student's t (Hesterberg 2015, the expanded percentile interval). Draws without a number are left out.
    """
    known = draws[1:][np.isfinite(draws[1:])]
    if len(known) < 2 or n < 2:
        return Interval(mean=float(draws[0]), low=np.nan, high=np.nan, n=n)
    tail = float(norm.cdf(-np.sqrt(n / (n - 1)) * t.ppf(1 - (1 - LEVEL) / 2, n - 1)))
    low, high = np.quantile(known, [tail, 1 - tail])
    return Interval(mean=float(draws[0]), low=float(low), high=float(high), n=n)


def unmeasured(claim: str, against: str, why: str) -> Finding:
    """Return a finding that nothing was measured for."""
    return Finding(claim=claim, against=against, verdict="can't be told", why=why)
