"""Threads that do long work: when the program ends they are asked to end, too, and waited for.

A thread that is cut off within torch takes the whole program down ("terminate called without an
active exception"), and what it was about to keep is lost.
"""

import atexit
import threading
import time
from collections.abc import Callable

WAITED_FOR = 20.0
"""Seconds that the end of the program waits for its threads to end the step they are at."""


class Background(threading.Thread):
    """A thread that runs `work`; `stop`, called at the end of the program, makes it end soon."""

    def __init__(self, work: Callable[[], None], stop: Callable[[], None], name: str) -> None:
        super().__init__(target=work, name=name, daemon=True)
        self.stop = stop

    def run(self) -> None:
        """Do the work, known to `_end_all` for as long as it lasts."""
        _RUNNING.add(self)
        try:
            super().run()
        finally:
            _RUNNING.discard(self)


_RUNNING: set[Background] = set()


@atexit.register
def _end_all() -> None:
    running, until = list(_RUNNING), time.monotonic() + WAITED_FOR
    for thread in running:
        thread.stop()
    for thread in running:
        try:
            thread.join(max(0.0, until - time.monotonic()))
        except KeyboardInterrupt:  # nobody wants to wait
            return
