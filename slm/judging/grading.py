"""Grading a checkpoint's stories: what it will cost, the asking, and how sure the averages are."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Literal

import numpy as np

from slm.errors import BadInput
from slm.judging.grades import GradeStore, Item, Row
from slm.judging.judge import (
    ANSWER_TOKENS,
    Judge,
    NoReply,
    Unavailable,
    likely_tokens,
    prices,
    worst_tokens,
)
from slm.judging.protocol import (
    DIMENSIONS,
    PROTOCOL_VERSION,
    Grade,
    Message,
    Ungraded,
    assessment_messages,
    grade_messages,
    read_grade,
)
from slm.runs import Checkpoint
from slm.writing.sampler import Sampling, complete

LIKELY_ASSESSMENT_TOKENS = 120
LIKELY_GRADE_TOKENS = 40
RESAMPLES = 2000
POLL_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a grading will take; `cost` in US dollars, None where the price is unknown."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost: float | None


@dataclass(frozen=True, kw_only=True)
class Graded:
    """An item with what the judge said. `cost` in US dollars, None where the price is unknown."""

    item: Item
    outcome: Grade | Ungraded
    assessment: str
    cost: float | None


@dataclass(frozen=True, kw_only=True)
class Mean:
    """A mean with its 95 % interval (bootstrap over openings); None with a single opening."""

    mean: float
    interval: tuple[float, float] | None


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The averages over every graded item. Ungraded ones are counted, never averaged."""

    graded: int
    ungraded: int
    means: dict[str, Mean]
    ages: dict[str, int]
    spent: float | None


class CapReached(BadInput):
    """The next call could pass the cap, so it is not sent. What was paid is kept."""


def items(
    checkpoint: Checkpoint, openings: Sequence[str], samples: int, seed: int = 0
) -> list[Item]:
    """Complete each opening `samples` times at temperature 1; the same seed gives the same items."""
    if samples < 1 or not openings:
        raise BadInput(f"grading needs at least one opening and one sample, not {samples}")
    prompts = [opening for opening in openings for _ in range(samples)]
    completions = complete(checkpoint, prompts, Sampling(seed=seed))
    return [
        Item(
            address=str(checkpoint.address),
            opening=completion.prompt,
            completion=completion.text,
            opening_index=index // samples,
            completion_index=index % samples,
            seed=seed,
        )
        for index, completion in enumerate(completions)
    ]


def estimate(items: Sequence[Item], model: str) -> Estimate:
    """What grading these items is likely to take, before anything is sent."""
    read = sum(
        likely_tokens(assessment_messages(item.opening, item.completion))
        + likely_tokens(grade_messages(item.opening, item.completion, ""))
        + LIKELY_ASSESSMENT_TOKENS
        for item in items
    )
    written = len(items) * (LIKELY_ASSESSMENT_TOKENS + LIKELY_GRADE_TOKENS)
    price = prices().get(model)
    return Estimate(
        calls=2 * len(items),
        input_tokens=read,
        output_tokens=written,
        cost=None if price is None else price.of(read, written),
    )


def grade(
    items: Sequence[Item],
    judge: Judge,
    store: GradeStore,
    *,
    max_cost: float | None = None,
    concurrency: int = 4,
) -> Iterator[Graded]:
    """Grade items, each as its answer comes; what is stored already comes first and costs nothing.

    Closing the generator sends no more calls and waits for those under way, whose answers are kept.
    An item that another thread or process is asking about is waited for, not bought. Raises
    `BadInput` where the key, the model or the cap forbid going on, `Unavailable` where the server
    does.
    """
    if max_cost is not None and judge.price is None:
        raise BadInput(f"the price of {judge.model!r} is unknown, so a cap cannot be kept")
    budget = _Budget(judge, max_cost)
    stopping = threading.Event()
    waiting = iter(items)
    with ThreadPoolExecutor(concurrency) as pool:
        running: set[Future[Graded | None]] = set()
        try:
            while True:
                while len(running) < concurrency and (item := next(waiting, None)) is not None:
                    running.add(pool.submit(_grade_one, item, judge, store, budget, stopping))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    if (graded := future.result()) is not None:
                        yield graded
        finally:
            stopping.set()


def stored(store: GradeStore, address: str, judge: str | None = None) -> list[Graded]:
    """What was graded before, of one checkpoint."""
    return [
        _graded(row) for row in store.rows(address) if row.finished and judge in (None, row.judge)
    ]


def summary(graded: Sequence[Graded], seed: int = 0) -> Summary:
    """Average each dimension; the interval resamples whole openings, whose stories are alike."""
    good = [(g.item.opening, g.outcome) for g in graded if isinstance(g.outcome, Grade)]
    openings = sorted({opening for opening, _ in good})
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, max(1, len(openings)), (RESAMPLES, len(openings)))
    means: dict[str, Mean] = {}
    for name in DIMENSIONS if good else ():
        sums = np.array([sum(getattr(g, name) for o, g in good if o == at) for at in openings])
        counts = np.array([sum(o == at for o, _ in good) for at in openings])
        interval = None
        if len(openings) > 1:
            resampled = sums[drawn].sum(1) / counts[drawn].sum(1)
            low, high = np.percentile(resampled, [2.5, 97.5])
            interval = (float(low), float(high))
        means[name] = Mean(mean=float(sums.sum() / counts.sum()), interval=interval)
    ages: dict[str, int] = {}
    for _, one in good:
        ages[one.age_group] = ages.get(one.age_group, 0) + 1
    bought = {
        (g.item.opening, g.item.completion, g.item.repeat, g.assessment, g.outcome): g.cost
        for g in graded
    }
    costs = bought.values()  # one reply may stand for the same text twice, and was paid once
    return Summary(
        graded=len(good),
        ungraded=len(graded) - len(good),
        means=means,
        ages=dict(sorted(ages.items())),
        spent=None if None in costs else float(sum(cost or 0.0 for cost in costs)),
    )


class _Budget:
    """Reserves the worst case of each call before it is sent, and books what it took after."""

    def __init__(self, judge: Judge, cap: float | None) -> None:
        self._price, self._cap = judge.price, cap
        self._changed = threading.Condition()
        self._spent = self._reserved = 0.0

    def reserve(self, messages: Sequence[Message]) -> float:
        """Wait until the call surely fits beside those under way; raise where it never will."""
        if self._price is None or self._cap is None:
            return 0.0
        worst = self._price.of(worst_tokens(messages), ANSWER_TOKENS)
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
        """A call is over."""
        with self._changed:
            left = self._reserved - reserved
            self._reserved = left if left > 1e-12 else 0.0
            self._spent += cost
            self._changed.notify_all()


def _grade_one(
    item: Item, judge: Judge, store: GradeStore, budget: _Budget, stopping: threading.Event
) -> Graded | None:
    """Both turns of one item, each stored as it comes; None where it was stopped in between."""
    who = (judge.model, judge.where, PROTOCOL_VERSION)
    while (claimed := store.claim(item, *who)) is None:
        if stopping.wait(POLL_SECONDS):  # somebody is asking already: their answer will do
            return None
    row: Row | None = claimed
    try:
        if claimed.assessment is None and not stopping.is_set():
            messages = assessment_messages(item.opening, item.completion)
            row = _turn("assessment", messages, item, judge, store, budget, stopping)
        if row is not None and row.assessment and row.grade is None and not stopping.is_set():
            messages = grade_messages(item.opening, item.completion, row.assessment)
            row = _turn("grade", messages, item, judge, store, budget, stopping)
        return _graded(row) if row is not None and row.finished else None
    except BaseException:
        stopping.set()
        raise
    finally:
        store.release(item, *who)


def _turn(
    turn: Literal["assessment", "grade"],
    messages: Sequence[Message],
    item: Item,
    judge: Judge,
    store: GradeStore,
    budget: _Budget,
    stopping: threading.Event,
) -> Row | None:
    """Ask until there is a reply, and store it; None where it was stopped while waiting."""
    who = (judge.model, judge.where, PROTOCOL_VERSION)
    waited = 0.0
    for again in range(judge.tries):
        reserved = budget.reserve(messages)
        took = 0.0
        try:
            if stopping.is_set():  # while it waited for room under the cap
                return None
            reply = judge.ask(messages, grades=turn == "grade")
            price = judge.price
            cost = None if price is None else price.of(reply.input_tokens, reply.output_tokens)
            took = cost or 0.0
            store.keep(
                item,
                *who,
                turn=turn,
                asked=messages,
                text=reply.text,
                input_tokens=reply.input_tokens,
                output_tokens=reply.output_tokens,
                cost=cost,
            )
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


def _graded(row: Row) -> Graded:
    return Graded(
        item=row.item,
        outcome=(
            read_grade(row.grade or "")
            if row.assessment
            else Ungraded(reason="the judge gave no assessment", reply="")
        ),
        assessment=row.assessment or "",
        cost=row.cost,
    )
