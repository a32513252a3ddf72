"""Work that goes on in a thread while its page is rerun or left. Knows no streamlit."""

import threading
import time
from collections.abc import Generator
from typing import Generic, TypeVar

from slm.errors import BadInput
from slm.judging.progress import Progress

R = TypeVar("R")
NAME = "background work"


class Background(Generic[R]):
    """A generator of progress, pulled to its end; what it returns lies in `result`."""

    def __init__(self, work: Generator[Progress, None, R]) -> None:
        self.progress = Progress(doing="Beginning", share=0.0)
        self.result: R | None = None
        self.error = ""
        self._work, self._began = work, time.monotonic()
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, name=NAME, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it is still at work."""
        return self._thread.is_alive()

    @property
    def cancelled(self) -> bool:
        """Whether it was told to stop."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Stop at the next sign of progress."""
        self._cancelled.set()

    @property
    def seconds_left(self) -> float | None:
        """About how long what is being done will take; None before one can tell."""
        if self.progress.share < 0.05:
            return None
        return (time.monotonic() - self._began) * (1 / self.progress.share - 1)

    def _run(self) -> None:
        doing = ""
        try:
            while not self.cancelled:
                self.progress = next(self._work)
                if self.progress.share == 0 and self.progress.doing != doing:
                    self._began = time.monotonic()
                doing = self.progress.doing
            self._work.close()
        except StopIteration as finished:
            self.result = finished.value
        except (BadInput, OSError) as error:
            self.error = str(error)
