"""One question at a time to a judge: a kept reply costs nothing, a new one stays under the cap."""

import threading
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from slm.files import DiskReserve
from slm.llm.budget import Budget
from slm.llm.judge import Judge, NoReply, Refused, Unavailable
from slm.llm.messages import Message
from slm.llm.replies import ReplyStore

REPLY_ROOM = 512 * 1024
"""Bytes of disk held for the reply that is being paid for: SQLite writes a few pages for it."""


class Asking:
    """Asks once for each question: from the store, or the judge, again where that may help."""

    def __init__(
        self,
        judge: Judge,
        store: ReplyStore,
        version: str,
        cap: float | None,
        stopping: threading.Event,
    ) -> None:
        self._judge, self._store, self._stopping = judge, store, stopping
        self._version = version
        self._budget = Budget(judge, cap)
        self.calls = 0
        self.spent: float | None = None if judge.price is None else 0.0

    def __call__(self, messages: Sequence[Message], form: Mapping[str, Any]) -> str:
        """The reply to one question; `Unavailable` or `BadInput` where there can be none.

        Where the server will not read the text, what it said of that is the reply, which holds no answer.
        """
        who = (self._judge.model, self._judge.where, self._version)
        self.calls += 1
        kept = self._store.find(messages, *who)
        if kept is not None:
            return kept
        waited = 0.0
        with DiskReserve(self._store.path.parent, REPLY_ROOM) as reserve:
            for again in range(self._judge.tries):
                reserved, took = self._budget.reserve(messages, form), 0.0
                try:
                    reply = self._judge.ask(messages, form=form)
                    price = self._budget.price
                    if price is not None:
                        took = price.of(reply.input_tokens, reply.output_tokens)
                        self.spent = (self.spent or 0.0) + took
                    keep = partial(
                        self._store.keep,
                        messages,
                        *who,
                        text=reply.text,
                        cost=took if price else None,
                    )
                    reserve.keep(keep)
                    return reply.text
                except Refused as refused:
                    self._store.keep(messages, *who, text=str(refused), cost=None)
                    return str(refused)
                except NoReply as nothing:
                    took = reserved if nothing.perhaps_paid else 0.0
                    delay = (
                        self._judge.first_wait * 2**again if nothing.wait is None else nothing.wait
                    )
                    waited += delay
                    if again + 1 == self._judge.tries or waited > self._judge.patience:
                        raise Unavailable(
                            f"{nothing}, tried {again + 1} times; try again later"
                        ) from None
                finally:
                    self._budget.book(reserved, took)
                if self._stopping.wait(delay):
                    raise Unavailable("stopped while waiting for the judge")
        raise AssertionError("a judge is asked at least once")
