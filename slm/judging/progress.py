"""How far long work has come: it is a generator that tells, and returns what it found."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeVar

R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What is being done, and how much of the whole is done (0 to 1)."""

    doing: str
    share: float


def result_of(
    work: Generator[Progress, None, R], tell: Callable[[Progress], None] = lambda progress: None
) -> R:
    """Do all of it, telling how far it has come."""
    while True:
        try:
            tell(next(work))
        except StopIteration as finished:
            found: R = finished.value
            return found
