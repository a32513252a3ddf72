"""Grading a checkpoint's stories: what is to be graded, what it will cost, and the asking."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

from slm.errors import BadInput
from slm.files import DiskReserve
from slm.generation.sampler import Sampling, complete
from slm.grading.asking import ask_about
from slm.grading.grades import GradeStore, Item, Kind, Replies, item_key
from slm.grading.protocol import Ungraded
from slm.grading.questions import Graded, graded, question
from slm.grading.scores import Summary, summary
from slm.grading.stores import home, there
from slm.llm.budget import Budget, CapReached
from slm.llm.judge import Judge, likely_tokens, server_of
from slm.llm.prices import prices
from slm.runs import Checkpoint
from slm.seeds import derived_seed
from slm.stats.clustered import Mean

__all__ = [
    "MOST_AT_ONCE",
    "CapReached",
    "Estimate",
    "Graded",
    "Mean",
    "Summary",
    "estimate",
    "grade",
    "items",
    "pairs",
    "repeated",
    "sample_of",
    "stored",
    "summary",
    "unanswered",
]

LIKELY_ASSESSMENT_TOKENS = 120
LIKELY_GRADE_TOKENS = 40
MOST_AT_ONCE = 32
ROOM, REPLY_ROOM = 512 * 1024, 64 * 1024
"""Bytes of disk held while asking, and for each call under way: what is paid for must be kept."""
SEEDS = 1000
"""Samples of one seed never meet those of the next."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a grading will take; `cost` in US dollars, None where the price is unknown."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost: float | None


def items(
    checkpoint: Checkpoint, openings: Sequence[str], samples: int, seed: int = 0
) -> list[Item]:
    """Complete each opening `samples` times at temperature 1; the same seed gives the same items.

    More openings at the end, or more samples, leave those there were as they are.
    """
    if samples < 1 or not openings:
        raise BadInput(f"grading needs at least one opening and one sample, not {samples}")
    written = [sample_of(checkpoint, openings, sample, seed) for sample in range(samples)]
    return [story for of_opening in zip(*written, strict=True) for story in of_opening]


def sample_of(
    checkpoint: Checkpoint, openings: Sequence[str], sample: int, seed: int = 0
) -> list[Item]:
    """One completion of each opening: those that `items` gives as its sample number `sample`."""
    if not 0 <= sample < SEEDS:
        raise BadInput(f"grading takes at most {SEEDS} samples of an opening, not {sample + 1}")
    written = complete(checkpoint, openings, Sampling(seed=derived_seed(seed * SEEDS + sample)))
    return [
        Item(
            address=str(checkpoint.address),
            opening=opening,
            completion=completion.text,
            opening_index=at,
            completion_index=sample,
            seed=seed,
        )
        for at, (opening, completion) in enumerate(zip(openings, written, strict=True))
    ]


def repeated(items: Sequence[Item], repeats: int) -> list[Item]:
    """The same items, each to be asked about `repeats` times: what differs is the judge's noise."""
    if not 1 <= repeats <= 100:
        raise BadInput(f"a story is asked about 1 to 100 times, not {repeats}")
    return [replace(item, repeat=repeat) for repeat in range(repeats) for item in items]


def pairs(first: Sequence[Item], second: Sequence[Item]) -> list[Item]:
    """Both ways round of every two completions of the same opening, in an order drawn by chance."""
    theirs = {(item.opening, item.completion_index, item.repeat): item for item in second}
    found = []
    for one in first:
        other = theirs.get((one.opening, one.completion_index, one.repeat))
        if other is not None:
            found += [_beside(one, other), _beside(other, one)]
    if not found:
        raise BadInput("a pair is two completions of the same opening, and there is none")
    random.Random(0).shuffle(found)
    return found


def _beside(one: Item, other: Item) -> Item:
    return replace(one, kind="pair", other=other.completion, other_address=other.address)


def estimate(items: Sequence[Item], model: str) -> Estimate:
    """What asking about these items is likely to take, before anything is sent."""
    read = 0
    for item in items:
        asked = question(item)
        read += likely_tokens(asked.first) + likely_tokens(asked.second(""))
        read += LIKELY_ASSESSMENT_TOKENS
    written = len(items) * (LIKELY_ASSESSMENT_TOKENS + LIKELY_GRADE_TOKENS)
    price = prices().get(model)
    return Estimate(
        calls=2 * len(items),
        input_tokens=read,
        output_tokens=written,
        cost=None if price is None else price.of(read, written),
    )


def unanswered(
    items: Sequence[Item], model: str, base_url: str | None = None, *, again_ungraded: bool = False
) -> list[Item]:
    """The items that would be paid for: each text once, and nothing that is on disk already.

    With `again_ungraded` those whose answer cannot be read are among them. Makes no file.
    """
    server = server_of(base_url)
    known = {path: store.replies(model, server) for path, store in there(items).items()}
    left: dict[str, Item] = {}
    for item in items:
        asked = question(item)
        key = item_key(item, model, server, asked.version)
        words, answer, refusal = known.get(home(item), {}).get(key, Replies())
        unreadable = refusal is not None or isinstance(asked.read(answer or ""), Ungraded)
        missing = answer is None and words != "" and refusal is None
        if missing or (again_ungraded and unreadable):
            left[key] = item
    return list(left.values())


def grade(
    items: Sequence[Item],
    judge: Judge,
    store: GradeStore | Callable[[Item], GradeStore],
    *,
    max_cost: float | None = None,
    concurrency: int = 4,
    again_ungraded: bool = False,
) -> Iterator[Graded]:
    """Grade items, each as its answer comes; what is stored already costs nothing.

    `store` is the file, or tells the file of each item (a `Shelf`). With `again_ungraded`, what was
    answered before and cannot be read is asked for once more.

    Closing the generator sends no more calls and waits for those under way, whose answers are kept.
    An item that another thread or process is asking about is waited for, not bought. Raises
    `BadInput` where the key, the model or the cap forbid going on, or where the server refuses the
    first texts all alike, `Unavailable` where the server cannot be asked, `OSError` where the disk is
    full; what was paid for is kept before it is raised.
    """
    if not items:
        return
    if not 1 <= concurrency <= MOST_AT_ONCE:
        raise BadInput(f"1 to {MOST_AT_ONCE} calls may be under way at once, not {concurrency}")
    budget = Budget(judge, max_cost)
    again_before = time.time() if again_ungraded else None
    stopping = threading.Event()
    waiting = iter(items)
    folder = (store if isinstance(store, GradeStore) else store(items[0])).path.parent
    with (
        DiskReserve(folder, ROOM + concurrency * REPLY_ROOM) as reserve,
        ThreadPoolExecutor(concurrency) as pool,
    ):
        running: set[Future[Graded | None]] = set()
        try:
            while True:
                while len(running) < concurrency and (item := next(waiting, None)) is not None:
                    kept = store if isinstance(store, GradeStore) else store(item)
                    running.add(
                        pool.submit(
                            ask_about, item, judge, kept, budget, reserve, stopping, again_before
                        )
                    )
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    if (graded := future.result()) is not None:
                        yield graded
        finally:
            stopping.set()


def stored(
    store: GradeStore, address: str, judge: str | None = None, *, kind: Kind = "story"
) -> list[Graded]:
    """What was graded before, of one checkpoint (an empty address: of what no model wrote)."""
    return [
        graded(row)
        for row in store.rows(address)
        if row.finished and judge in (None, row.judge) and row.item.kind == kind
    ]
