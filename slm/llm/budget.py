"""A cap on what is spent that is never passed, however many calls are under way."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from slm.errors import BadInput
from slm.llm.judge import Judge, worst_tokens
from slm.llm.messages import Message


class CapReached(BadInput):
    """The next call could pass the cap, so it is not sent. What was paid is kept."""


class Budget:
    """Reserves the worst case of each call before it is sent, and books what it took after."""

    def __init__(self, judge: Judge, cap: float | None) -> None:
        if cap is not None and judge.price is None:
            raise BadInput(f"the price of {judge.model!r} is unknown, so a cap cannot be kept")
        self.price, self._cap = (
            judge.price,
            cap,
        )  # a price that is edited meanwhile is the next one's
        self._changed = threading.Condition()
        self._spent = self._reserved = 0.0

    @property
    def is_capped(self) -> bool:
        """Whether there is a cap to be kept."""
        return self._cap is not None

    def reserve(
        self, messages: Sequence[Message], form: Mapping[str, Any] | None, limit: int
    ) -> float:
        """Wait until the call surely fits beside those under way; raise where it never will.

        `limit` is how many tokens the answer has at most.
        """
        if self.price is None or self._cap is None:
            return 0.0
        worst = self.price.of(worst_tokens(messages, form), limit)
        with self._changed:
            while self._spent + self._reserved + worst > self._cap:
                if not self._reserved:
                    raise CapReached(
                        f"the next call could pass the cap of ${self._cap:g} "
                        f"(${self._spent:.4f} spent); what was paid for is kept"
                    )
                self._changed.wait()
            self._reserved += worst
        return worst

    def book(self, reserved: float, cost: float) -> None:
        """Replace a call's reservation by its cost."""
        with self._changed:
            left = self._reserved - reserved
            self._reserved = left if left > 1e-12 else 0.0
            self._spent += cost
            self._changed.notify_all()
