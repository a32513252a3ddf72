"""How far long work has come: what it yields before its result."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The share that is done, from 0 to 1, and what is being done."""

    share: float
    doing: str
