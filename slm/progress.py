"""Progress of long work: a generator that yields its progress and returns its result."""

import queue
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeVar

from slm.background import Background

R = TypeVar("R")
ProgressCallback = Callable[[str, float | None], None]
"""Called with what is being done and the share done, None where that is not known."""
PULSE = 0.3
"""Seconds after which `followed` says again what is being done."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What is being done, and the share of the whole that is done: 0 to 1, None where it is not known."""

    doing: str
    share: float | None


Steps = Generator[Progress, None, R]
"""Long work that returns an R."""


def result_of(work: Steps[R], tell: Callable[[Progress], None] = lambda progress: None) -> R:
    """Do all of it, telling how far it has come."""
    while True:
        try:
            tell(next(work))
        except StopIteration as finished:
            found: R = finished.value
            return found


class Abandoned(Exception):
    """Nobody waits for this work any more. Raised by `tell` in the thread that does it."""


def run_in_thread(work: Callable[[ProgressCallback], R]) -> Steps[R]:
    """Work that tells by a call, as work that yields its progress.

    It is done in a thread of its own. Where nothing new is told, for the network is slow, what was
    told last is yielded again, so that whoever follows can stop at any time. Closing the generator
    makes the next call of `tell` raise `Abandoned`. What `work` raises is raised here.
    """
    said: queue.SimpleQueue[Progress | None] = queue.SimpleQueue()  # None at the end
    left, results, errors = threading.Event(), list[R](), list[BaseException]()

    def tell(doing: str, share: float | None) -> None:
        if left.is_set():
            raise Abandoned
        said.put(Progress(share=share, doing=doing))

    def run() -> None:
        try:
            results.append(work(tell))
        except BaseException as error:  # it is raised where somebody waits for it
            errors.append(error)
        said.put(None)

    thread = Background(run, left.set, "followed")
    thread.start()
    last = Progress(share=None, doing="starting")
    try:
        while True:
            try:
                if (new := said.get(timeout=PULSE)) is None:
                    break
                last = new
            except queue.Empty:
                pass
            yield last
    finally:
        left.set()
        thread.join(1.0)  # it ends at once, unless it waits for the network
    if errors:
        raise errors[0]
    return results[0]
