"""A grading that goes on while its page is rerun or left. Knows no streamlit; the key stays here.

Every reply is on disk before it is shown, so a grading that is stopped, or whose app dies, goes on
where it was: what is paid for is never asked for again.
"""

import contextlib
import threading
from collections.abc import Generator, Sequence
from typing import cast

from slm.errors import BadInput
from slm.judging.grades import GradeStore, Item
from slm.judging.grading import Graded, grade, stored
from slm.judging.judge import Judge
from slm.runs import Address, open_run


class GradingJob:
    """A thread that asks the judge about `items`, each stored with its own run."""

    def __init__(self, items: Sequence[Item], judge: Judge, max_cost: float | None) -> None:
        self.total, self.done = len(items), 0
        self.error = ""
        self._items, self._judge, self._max_cost = items, judge, max_cost
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether replies may still come."""
        return self._thread.is_alive()

    def cancel(self) -> None:
        """Send no more calls; those under way are waited for, in the thread, and kept."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        """Whether it was told to stop."""
        return self._cancelled.is_set()

    def _run(self) -> None:
        try:
            spent = 0.0
            for run in dict.fromkeys(Address.parse(item.address).run for item in self._items):
                mine = [item for item in self._items if Address.parse(item.address).run == run]
                store = GradeStore(open_run(run).grades_path)
                before = {one.item: one.cost or 0.0 for one in _known(store, mine)}
                left = None if self._max_cost is None else self._max_cost - spent
                grading = cast(
                    "Generator[Graded, None, None]",
                    grade(mine, self._judge, store, max_cost=left),
                )
                with contextlib.closing(grading):
                    for one in grading:
                        self.done += 1
                        spent += (one.cost or 0.0) - before.get(one.item, 0.0)
                        if self._cancelled.is_set():
                            return
        except (BadInput, OSError) as error:
            self.error = " ".join(str(error).split())


def _known(store: GradeStore, items: Sequence[Item]) -> list[Graded]:
    return [one for address in {item.address for item in items} for one in stored(store, address)]


def graded(address: str) -> dict[str, list[Graded]]:
    """What is stored of a checkpoint, by judge. Reads only: makes no file where there is none."""
    path = open_run(Address.parse(address).run).grades_path
    if not path.exists():
        return {}
    store = GradeStore(path)
    judges = dict.fromkeys(row.judge for row in store.rows(address) if row.grade is not None)
    return {judge: stored(store, address, judge) for judge in judges}
