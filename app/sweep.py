"""Work that goes on in a thread while its page is rerun. Knows no streamlit."""

import threading
import time
from collections.abc import Callable, Generator
from typing import Generic, TypeVar

from slm.errors import BadInput

T = TypeVar("T")


class Sweep(Generic[T]):
    """A thread that pulls a generator of shares (0 to 1) to its end, which is the result."""

    def __init__(self, work: Callable[[], Generator[float, None, T]]) -> None:
        self.done, self.error = 0.0, ""
        self.result: T | None = None
        self._work, self._began = work, time.monotonic()
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it is still at work."""
        return self._thread.is_alive()

    @property
    def seconds_left(self) -> float | None:
        """How long it will take from now, at the pace so far; None before the first share is done."""
        return (time.monotonic() - self._began) * (1 / self.done - 1) if self.done > 0 else None

    @property
    def cancelled(self) -> bool:
        """Whether it was told to stop."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Stop after the share under way; nothing is kept."""
        self._cancelled.set()

    def wait(self, seconds: float) -> None:
        """Give it so long: what is quick need not show that it is under way."""
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            work = self._work()
            while not self._cancelled.is_set():
                try:
                    self.done = next(work)
                except StopIteration as end:
                    self.done, self.result = 1.0, end.value
                    return
        except BadInput as error:
            self.error = str(error)
