"""The result of a claim's measurement: two numbers, and whether the claim holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from slm.stats.bootstrap import bootstrap_means

MeasuredUnit = Literal["share", "nats", "bits", "AUC", "logits", "ROUGE"]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The measured number beside its control; `what` tells what was found, as "head 2.3".

    `low` and `high` are the 95 % interval of their difference, where there is one.
    """

    holds: bool
    measured: float
    control: float
    unit: MeasuredUnit
    what: str = ""
    low: float | None = None
    high: float | None = None

    @property
    def told(self) -> str:
        """Both numbers, as `0.43 against 0.02 (head 2.3)`."""
        small = max(abs(self.measured), abs(self.control)) < 0.05
        one, other = (
            "less than 0.001" if small and 0 < value < 0.001 else f"{value:.{3 if small else 2}f}"
            for value in (self.measured, self.control)
        )
        unit = {"nats": " nats", "bits": " bits", "logits": " logits"}.get(self.unit, "")
        return f"{one} against {other}{unit}" + (f" ({self.what})" if self.what else "")


def paired(
    measured: Sequence[float],
    control: Sequence[float],
    *,
    least: float,
    unit: MeasuredUnit,
    what: str = "",
    also: bool = True,
) -> Measured:
    """Compare paired numbers with a bootstrap over stories (or names).

    The claim holds where the mean difference is at least `least`, its 95 % interval lies above 0, and
    `also` is true.
    """
    one, other = (np.asarray(values, dtype=np.float32) for values in (measured, control))
    found = bootstrap_means((one - other)[:, None], least=8)
    return Measured(
        holds=bool(found.is_significant(least)[0]) and also,
        measured=float(one.mean()),
        control=float(other.mean()),
        unit=unit,
        what=what,
        low=float(found.low[0]),
        high=float(found.high[0]),
    )
