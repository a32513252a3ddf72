"""A grading that goes on while its page is rerun or left. Knows no streamlit; the key stays here.

Every reply is on disk before it is shown, so a grading that is stopped, or whose app dies, goes on
where it was: what is paid for is never asked for again.
"""

import contextlib
import threading
import time
from collections.abc import Sequence

from app.jobs.work import unforeseen
from slm.background import Background
from slm.errors import BadInput, one_line
from slm.files import said
from slm.grading.grading import grade, unanswered
from slm.grading.items import Item
from slm.llm.judge import Judge


class GradingJob:
    """A thread that asks the judge about `items`, each stored with its own run."""

    def __init__(
        self,
        items: Sequence[Item],
        judge: Judge,
        max_cost: float | None,
        *,
        again_ungraded: bool = False,
        at_once: int = 4,
    ) -> None:
        self.total, self.done = len(items), 0
        self.error = ""
        self._items, self._judge, self._max_cost = items, judge, max_cost
        self._again, self._at_once = again_ungraded, at_once
        self._spent: float | None = 0.0
        self._to_buy = self._bought = 0
        self._worked, self._since = 0.0, time.monotonic()
        self._cancelled, self._going = threading.Event(), threading.Event()
        self._going.set()
        self._thread = Background(self._run, self.cancel, "grading")
        self._thread.start()

    @property
    def judge(self) -> str:
        """The judge's name."""
        return self._judge.model

    @property
    def running(self) -> bool:
        """Whether replies may still come."""
        return self._thread.is_alive()

    @property
    def paused(self) -> bool:
        """Whether it waits to be told to go on."""
        return self.running and not self._going.is_set()

    @property
    def cancelled(self) -> bool:
        """Whether it was told to stop."""
        return self._cancelled.is_set()

    @property
    def seconds_left(self) -> float | None:
        """How long it will take at the pace so far; None before the first reply and in a pause."""
        if not self._bought or self.paused:
            return None
        worked = self._worked + time.monotonic() - self._since
        return worked / self._bought * max(0, self._to_buy - self._bought)

    @property
    def bill(self) -> str:
        """What was bought so far, in words."""
        if self._spent is None:
            return f"{self._bought} answers, at a price that is not known"
        return f"{self._bought} answers for ${self._spent:.4f}"

    def pause(self) -> None:
        """Send nothing more for now; what is under way is waited for and kept."""
        if self._going.is_set():
            self._going.clear()
            self._worked += time.monotonic() - self._since

    def go_on(self) -> None:
        """End a pause."""
        if not self._going.is_set():
            self._since = time.monotonic()
            self._going.set()

    def cancel(self) -> None:
        """Send no more calls; those under way are waited for, in the thread, and kept."""
        self._cancelled.set()
        self._going.set()

    def _run(self) -> None:
        try:
            model, server = self._judge.model, self._judge.base_url
            to_buy = set(unanswered(self._items, model, server, again_ungraded=self._again))
            self._to_buy = len(to_buy)
            grading = grade(
                self._items,
                self._judge,
                max_cost=self._max_cost,
                concurrency=self._at_once,
                again_ungraded=self._again,
            )
            with contextlib.closing(grading):
                for one in grading:
                    self.done += 1
                    if one.item in to_buy:
                        self._bought += 1
                        known = None not in (self._spent, one.cost)
                        self._spent = (self._spent or 0) + (one.cost or 0) if known else None
                    self._going.wait()
                    if self._cancelled.is_set():
                        return
        except BadInput as error:
            self.error = str(error)
        except OSError as error:
            self.error = one_line(said(error))
        except RuntimeError as error:  # a pool takes no call when the app ends
            self.error = one_line(str(error))
        except BaseException as error:  # nobody else would hear of it
            self.error = unforeseen(error)
