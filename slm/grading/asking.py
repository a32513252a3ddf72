"""Asking a judge about one item: both turns, asked again where that may help, each reply kept."""

import threading
from collections.abc import Sequence
from functools import partial
from typing import Literal

from slm.files import DiskReserve
from slm.grading.grades import GradeStore, Item, Row
from slm.grading.protocol import Ungraded
from slm.grading.questions import Graded, Question, graded, question
from slm.llm.budget import Budget
from slm.llm.judge import Judge, NoReply, Refused, Unavailable
from slm.llm.messages import Message

POLL_SECONDS = 0.1


def ask_about(
    item: Item,
    judge: Judge,
    store: GradeStore,
    budget: Budget,
    reserve: DiskReserve,
    stopping: threading.Event,
    again_before: float | None = None,
) -> Graded | None:
    """Both turns of one item, each stored as it comes; None where it was stopped in between.

    A text that the server will not read is ungraded, with the reason, and not asked about again.

    An answer that cannot be read and came before `again_before` (Unix time) is asked for anew.
    """
    asked = question(item)
    who = (judge.model, judge.where, asked.version)
    while True:
        claimed = store.claim(item, *who)
        if claimed is None:  # somebody is asking already: their answer will do
            if stopping.wait(POLL_SECONDS):
                return None
        elif not claimed.finished:
            break
        elif again_before is None or not isinstance(graded(claimed).outcome, Ungraded):
            return graded(claimed)
        else:  # unless somebody did so meanwhile; then theirs is the answer
            store.set_aside(item, *who, before=again_before)
            again_before = None
    row: Row | None = claimed
    turn = partial(
        _turn,
        asked=asked,
        item=item,
        judge=judge,
        store=store,
        budget=budget,
        reserve=reserve,
        stopping=stopping,
    )
    try:
        if claimed.assessment is None and not stopping.is_set():
            row = turn("assessment", asked.first)
        if row is not None and row.assessment and row.grade is None and not stopping.is_set():
            row = turn("grade", asked.second(row.assessment))
        return graded(row) if row is not None and row.finished else None
    except Refused as refused:
        store.refuse(item, *who, refusal=str(refused))
        return graded(store.row(item, *who))
    except BaseException:
        stopping.set()
        raise
    finally:
        store.release(item, *who)


def _turn(
    turn: Literal["assessment", "grade"],
    messages: Sequence[Message],
    *,
    asked: Question,
    item: Item,
    judge: Judge,
    store: GradeStore,
    budget: Budget,
    reserve: DiskReserve,
    stopping: threading.Event,
) -> Row | None:
    """Ask until there is a reply, and store it; None where it was stopped while waiting."""
    who = (judge.model, judge.where, asked.version)
    form = asked.form if turn == "grade" else None
    waited = 0.0
    for again in range(judge.tries):
        reserved = budget.reserve(messages, asked.form)
        took = 0.0
        try:
            if stopping.is_set():  # while it waited for room under the cap
                return None
            reply = judge.ask(messages, form=form)
            price = budget.price
            cost = None if price is None else price.of(reply.input_tokens, reply.output_tokens)
            took = cost or 0.0
            keep = partial(
                store.keep,
                item,
                *who,
                turn=turn,
                asked=messages,
                text=reply.text,
                input_tokens=reply.input_tokens,
                output_tokens=reply.output_tokens,
                cost=cost,
            )
            reserve.keep(keep)
            return store.row(item, *who)
        except NoReply as nothing:
            took = reserved if nothing.perhaps_paid else 0.0
            delay = judge.first_wait * 2**again if nothing.wait is None else nothing.wait
            waited += delay
            last = again + 1 == judge.tries
            if last or waited > judge.patience:
                tried = "once" if again == 0 else f"{again + 1} times"
                asks = f", and asks to wait {delay:.0f} s" if nothing.wait and not last else ""
                raise Unavailable(f"{nothing}, tried {tried}{asks}; try again later") from None
        finally:
            budget.book(reserved, took)
        if stopping.wait(delay):
            return None
    raise AssertionError("a judge is asked at least once")
