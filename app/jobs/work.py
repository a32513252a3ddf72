"""Long work in a thread, which goes on while its page is rerun or left.

A page asks for it, sees its progress, and may pause or cancel it; all sessions that ask for the same
see the same work and its result.
"""

import logging
import threading
import time
from collections.abc import Callable, Generator
from typing import Generic, TypeVar

from app.jobs import WORKING
from slm.background import Background
from slm.errors import BadInput, one_line
from slm.files import said
from slm.progress import Abandoned, Progress

R = TypeVar("R")


class Work(Generic[R]):
    """A thread that pulls `steps` to their end, which is the result; begun at once, or by `begin`.

    Whoever keeps the work says how it is forgotten and begun anew: `restart`.
    """

    def __init__(
        self,
        steps: Generator[Progress, None, R],
        *,
        begin: bool = True,
        restart: Callable[[], object] | None = None,
    ) -> None:
        self.restart = restart
        self.progress = Progress(doing="beginning", share=0.0)
        self.result: R | None = None
        self.cancelled, self.error = False, ""
        self._paused_at = 0.0
        self._going = threading.Event()  # cleared in a pause
        self._going.set()
        self._steps = steps
        self._began, self._first, self._share = time.monotonic(), 1.0, 0.0
        self._beginning = threading.Lock()  # sessions share it
        self._thread = Background(self._run, self.cancel, WORKING)
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
    def paused(self) -> bool:
        """Whether it waits to be told to go on."""
        return self.running and not self._going.is_set()

    @property
    def seconds_left(self) -> float | None:
        """About how long what is being done will take; None before that can be told, or in a pause."""
        done = self._share - self._first  # work may go on where earlier work was stopped
        if self.progress.share is None or done < 0.05 or self.paused:
            return None
        return (time.monotonic() - self._began) * (1 - self._share) / done

    def pause(self) -> None:
        """Wait after the step under way until `go_on` or `cancel`."""
        if self._going.is_set():
            self._paused_at = time.monotonic()
            self._going.clear()

    def go_on(self) -> None:
        """End a pause, whose time counts for nothing in `seconds_left`."""
        if not self._going.is_set():
            self._began += time.monotonic() - self._paused_at
            self._going.set()

    def cancel(self) -> None:
        """Stop at the next step."""
        self.cancelled = True
        self._going.set()

    def wait(self, seconds: float) -> None:
        """Wait for the end, at most so long: quick work is shown at once, without a bar."""
        if self.begun:
            self._thread.join(seconds)

    def _note(self, step: Progress) -> None:
        """Keep what was told; the clock begins anew while nothing is done, and where the share falls."""
        if step.share is not None:
            if step.share <= self._first or step.share < self._share:
                self._began, self._first = time.monotonic(), step.share
            self._share = step.share
        self.progress = step

    def _run(self) -> None:
        try:
            while not self.cancelled:
                self._note(next(self._steps))
                self._going.wait()
            self._steps.close()  # now, so that it keeps what it has
        except StopIteration as finished:
            self.result = finished.value
        except Abandoned:  # the program ends, and what is followed was told before this
            pass
        except BadInput as error:
            self.error = str(error)
        except OSError as error:
            self.error = one_line(said(error))
        except BaseException as error:  # nobody else would hear of it
            self.error = unforeseen(error)


def unforeseen(error: BaseException) -> str:
    """Return what a page says of an unexpected error, whose traceback goes to the server's log."""
    logging.getLogger(__name__).error("work ended by an error of ours", exc_info=error)
    return one_line(
        f"an error of ours ended it, which the server's log tells: {type(error).__name__}: {error}"
    )
