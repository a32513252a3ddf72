"""Work of some seconds that goes on while its page is rerun or left. Knows no streamlit.

A page asks for it, sees how far it has come, and may cancel; all sessions that ask for the same see
the same work and its result.
"""

import threading
import time
from collections.abc import Generator, Iterator
from typing import Generic, TypeVar

from slm.errors import BadInput
from slm.progress import Progress

R = TypeVar("R")


class Work(Generic[R]):
    """A thread that runs through `steps`, the last of which is the result; begun at once, or by `begin`."""

    def __init__(self, steps: Iterator[Progress | R], *, begin: bool = True) -> None:
        self.share, self.doing, self.error = 0.0, "starting", ""
        self.measured = True  # whether the share of what is being done is known
        self.result: R | None = None
        self.cancelled = False
        self._steps = steps
        self._began = time.monotonic()
        self._first: float | None = None
        self._beginning = threading.Lock()  # sessions share it
        self._thread = threading.Thread(target=self._run, daemon=True)
        if begin:
            self.begin()

    @property
    def begun(self) -> bool:
        """Whether it runs or has run."""
        return self._thread.ident is not None

    def begin(self) -> None:
        """Start it, unless it was started before."""
        with self._beginning:
            if not self.begun:
                self._thread.start()

    @property
    def running(self) -> bool:
        """Whether a result may still come."""
        return self._thread.is_alive()

    @property
    def seconds_left(self) -> float | None:
        """About how long it will still take; None before that can be told."""
        if not self.measured or self._first is None:
            return None
        done = self.share - self._first  # work may go on where earlier work was stopped
        if done < 0.05:
            return None
        return (time.monotonic() - self._began) * (1 - self.share) / done

    def cancel(self) -> None:
        """Stop at the next step."""
        self.cancelled = True

    def wait(self, seconds: float) -> None:
        """Wait for the end, at most so long: quick work is shown at once, without a bar."""
        if self.begun:
            self._thread.join(seconds)

    def _note(self, step: Progress) -> None:
        """Keep what was told; the clock starts with the first share, and anew where it falls."""
        if step.share is not None:
            if self._first is None or step.share < self.share:
                self._began, self._first = time.monotonic(), step.share
            self.share = step.share
        self.doing, self.measured = step.doing, step.share is not None

    def _run(self) -> None:
        try:
            for step in self._steps:
                if self.cancelled:
                    if isinstance(self._steps, Generator):
                        self._steps.close()  # now, so that it keeps what it has
                    return
                if isinstance(step, Progress):
                    self._note(step)
                else:
                    self.result = step
        except (BadInput, OSError) as error:
            self.error = " ".join(str(error).split())
