"""Windows over a story longer than the context, which overlap by half."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """Positions `start` to `stop` are read together; those from `new` on were not read before."""

    start: int
    stop: int
    new: int


def windows(length: int, n_ctx: int) -> Iterator[Window]:
    """Cover `length` positions; every one is new once, with half a context before it if it can."""
    start, new = 0, 0
    while new < length:
        stop = min(start + n_ctx, length)
        yield Window(start, stop, new)
        new = stop
        start = max(stop - n_ctx // 2, 0)
