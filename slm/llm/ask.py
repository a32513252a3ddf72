"""Ask a judge, each call once: from what is kept, else from the server, under one cap."""

import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from slm.errors import BadInput
from slm.files import DiskReserve
from slm.llm.budget import Budget
from slm.llm.judge import Judge, NoReply, Refused, Unavailable
from slm.llm.replies import Call, KeptReply, ReplyStore

T = TypeVar("T")
R = TypeVar("R")
AT_ONCE, MOST_AT_ONCE = 4, 32
"""Calls under way at once, where nothing else is said and at most."""
POLL_SECONDS = 0.1
REFUSED_AT_FIRST = 5
"""So many texts refused before any is answered are the server's fault, not the texts'."""
ROOM, REPLY_ROOM = 512 * 1024, 64 * 1024
"""Bytes of disk held while asking, and for each call under way: what is paid for must be kept."""


class Stopped(Exception):
    """The work was stopped before this call was sent, or while it waited."""


class Asker:
    """Ask one judge for one piece of work. A context manager, which holds room on the disk.

    `spent` is what it bought so far, in US dollars; None where the price is unknown. Raises `BadInput`
    where a cap cannot be kept or more than `MOST_AT_ONCE` calls are wanted at once.
    """

    def __init__(
        self, judge: Judge, *, max_cost: float | None = None, concurrency: int = AT_ONCE
    ) -> None:
        if not 1 <= concurrency <= MOST_AT_ONCE:
            raise BadInput(f"1 to {MOST_AT_ONCE} calls may be under way at once, not {concurrency}")
        self._judge, self._concurrency = judge, concurrency
        self._budget = Budget(judge, max_cost)
        self._stopping, self._lock = threading.Event(), threading.Lock()
        self._reserve: DiskReserve | None = None
        self._refused = 0
        self.spent: float | None = None if judge.price is None else 0.0

    def __enter__(self) -> "Asker":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._reserve is not None:
            self._reserve.__exit__(kind, error, trace)

    def each(self, things: Iterable[T], work: Callable[[T], R]) -> Generator[R, None, None]:
        """Do `work`, which calls `ask`, for each thing, several at once; yield each result as it comes.

        Closing the generator, or an error, sends no more calls and waits for those under way.
        """
        waiting = iter(things)
        running: set[Future[R]] = set()
        with ThreadPoolExecutor(self._concurrency) as pool:
            try:
                while True:
                    for thing in waiting:
                        running.add(self._submit(pool, work, thing))
                        if len(running) == self._concurrency:
                            break
                    if not running:
                        return
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        with suppress(Stopped):
                            yield future.result()
            except BaseException:
                self._stopping.set()
                raise

    def _submit(self, pool: ThreadPoolExecutor, work: Callable[[T], R], thing: T) -> Future[R]:
        try:
            return pool.submit(self._do, work, thing)
        except RuntimeError as ending:
            raise Unavailable(f"the program ends, so nothing more is asked ({ending})") from None

    def _do(self, work: Callable[[T], R], thing: T) -> R:
        try:
            return work(thing)
        except BaseException:
            self._stopping.set()
            raise

    def ask(self, call: Call, store: ReplyStore) -> KeptReply:
        """Return what is kept of a call, or buy it.

        A call that another thread or process has claimed is waited for, not bought. A text that the
        server will not read is kept as refused, and not sent again. Raises `Stopped`; `BadInput`
        where the key, the model or the cap forbid going on, or where the server refuses the first
        texts all alike; `Unavailable` where it cannot be asked; `OSError` where the disk is full:
        what was paid for is kept before it is raised.
        """
        while (kept := store.find(call.key)) is None:
            self.hold_room(store.path.parent)
            if store.claim(call):
                return self._claimed(call, store)
            if self._stopping.wait(POLL_SECONDS):
                raise Stopped
        return kept

    def hold_room(self, folder: Path) -> None:
        """Hold room on the disk of `folder`, unless some is held; `OSError` where it is full."""
        with self._lock:
            if self._reserve is None:
                self._reserve = DiskReserve(folder, ROOM + self._concurrency * REPLY_ROOM)

    def _claimed(self, call: Call, store: ReplyStore) -> KeptReply:
        try:
            try:
                return self._buy(call, store)
            except Refused as refused:
                self._count(refused)
                store.refuse(call, str(refused))
                return KeptReply(reply=None, refusal=str(refused))
        except BaseException:
            store.release(call)
            raise

    def _buy(self, call: Call, store: ReplyStore) -> KeptReply:
        """Ask until there is a reply that is enough, and keep all that were paid for.

        One that was cut off by its limit of tokens and is not enough is asked for with a higher one.
        """
        judge, waited, tries = self._judge, 0.0, 0
        while True:
            limit, cost = judge.answer_tokens, 0.0
            reserved = self._budget.reserve(call.messages, call.form, limit)
            try:
                if self._stopping.is_set():  # while it waited for room under the cap
                    raise Stopped
                reply = judge.ask(
                    call.messages,
                    form=call.form,
                    limit=limit,
                    must_limit=self._budget.is_capped,
                )
                price = self._budget.price
                paid = None if price is None else price.of(reply.input_tokens, reply.output_tokens)
                cost = paid or 0.0
                self._spend(cost)
                assert self._reserve is not None
                short = reply.is_cut and not call.suffices(reply.text) and judge.raise_limit(limit)
                kept = self._reserve.keep(partial(store.keep, call, reply, paid, last=not short))
                if not short:
                    return kept
                delay = 0.0
            except NoReply as nothing:
                tries += 1
                cost = reserved if nothing.perhaps_paid else 0.0
                delay = (
                    judge.first_wait * 2 ** (tries - 1) if nothing.wait is None else nothing.wait
                )
                waited += delay
                if tries == judge.tries or waited > judge.patience:
                    tried = "once" if tries == 1 else f"{tries} times"
                    asks = nothing.wait and tries < judge.tries
                    more = f", and asks to wait {delay:.0f} s" if asks else ""
                    self._stopping.set()
                    raise Unavailable(f"{nothing}, tried {tried}{more}; try again later") from None
            except Refused:
                raise
            except BaseException:  # before `book` lets another call go
                self._stopping.set()
                raise
            finally:
                self._budget.book(reserved, cost)
            if self._stopping.wait(delay):
                raise Stopped

    def _spend(self, cost: float) -> None:
        with self._lock:
            if self.spent is not None:
                self.spent += cost

    def _count(self, refused: Refused) -> None:
        """Raise `BadInput` where the server has refused the first texts all alike."""
        with self._lock:
            self._refused += 1
        if not self._judge.has_answered and self._refused >= REFUSED_AT_FIRST:
            raise BadInput(
                f"each of the first {self._refused} texts was refused, the last so: {refused}; "
                "ask again for what is ungraded when that is mended"
            )
