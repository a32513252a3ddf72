"""Grade items: what is left to be paid for, the bill before, and the asking."""

import contextlib
import time
from collections.abc import Generator, Sequence
from dataclasses import replace

from slm.grading.items import Conversation, Item, ItemKind
from slm.grading.protocol import Ungraded
from slm.grading.questions import AGAIN_TURN, GRADE_TURN, Graded, graded, question, unread
from slm.grading.scores import spent
from slm.grading.store import GradeStore, store_for, stores_of
from slm.llm.ask import AT_ONCE, Asker
from slm.llm.judge import Judge, likely_tokens, server_of
from slm.llm.prices import Bill, bill
from slm.llm.replies import KeptReply
from slm.progress import Progress

LIKELY_ASSESSMENT_TOKENS = 120
LIKELY_GRADE_TOKENS = 40


def grading_bill(items: Sequence[Item], model: str) -> Bill:
    """Estimate what asking about these items will take, before anything is sent."""
    read = 0
    for item in items:
        asked = question(item)
        read += likely_tokens(asked.first) + likely_tokens(asked.second(asked.first, ""))
        read += LIKELY_ASSESSMENT_TOKENS
    written = len(items) * (LIKELY_ASSESSMENT_TOKENS + LIKELY_GRADE_TOKENS)
    return bill(model, calls=2 * len(items), input_tokens=read, output_tokens=written)


def unanswered(
    items: Sequence[Item], model: str, base_url: str | None = None, *, again_ungraded: bool = False
) -> list[Item]:
    """List the items that would be paid for: each text once, and nothing that is on disk already.

    With `again_ungraded` those whose answer cannot be read are among them. Makes no file.
    """
    server = server_of(base_url)
    known: dict[str, KeptReply] = {}
    for store in stores_of(items).values():
        known |= store.find_all(model, server)
    left: dict[str, Item] = {}
    for item in items:
        key = question(item).assess(model, server).key
        turns = (known.get(key), known.get(key + GRADE_TURN), known.get(key + AGAIN_TURN))
        said = Conversation(item=item, judge=model, first=turns[0], second=turns[1], again=turns[2])
        ungraded = again_ungraded and isinstance(graded(said).outcome, Ungraded)
        if not said.finished or unread(said) is not None or ungraded:
            left[key] = item
    return list(left.values())


def grade(
    items: Sequence[Item],
    judge: Judge,
    store: GradeStore | None = None,
    *,
    max_cost: float | None = None,
    concurrency: int = AT_ONCE,
    again_ungraded: bool = False,
) -> Generator[Graded, None, None]:
    """Grade items, each as its answer comes; what is stored already costs nothing.

    `store` is the file; where none is given, that of each item's own run. With `again_ungraded`, what
    was answered before and cannot be read is asked for anew.

    An answer that cannot be read is asked for once more, with what was wrong with it.

    Closing the generator sends no more calls and waits for those under way, whose answers are kept.
    Raises as `Asker.ask` does.
    """
    before = time.time() if again_ungraded else None
    with Asker(judge, max_cost=max_cost, concurrency=concurrency) as asker:

        def converse(item: Item, kept: GradeStore) -> Graded:
            asked = question(item)
            call = asked.assess(judge.model, judge.server)
            kept.add(item, call.key)
            said = Conversation(item=item, judge=judge.model, first=asker.ask(call, kept))
            if words := said.assessment:
                turn = asked.grade(judge.model, judge.server, words)
                said = replace(said, second=asker.ask(turn, kept))
                if (wrong := unread(said)) is not None:
                    turn = asked.again(judge.model, judge.server, words, wrong)
                    said = replace(said, again=asker.ask(turn, kept))
            return graded(said)

        def grade_one(item: Item) -> Graded:
            kept = store or store_for(item)
            asker.hold_room(kept.path.parent)
            found = converse(item, kept)
            if before is not None and isinstance(found.outcome, Ungraded):
                set_aside(found, judge.model, judge.server, kept, before=before)
                found = converse(item, kept)
            return found

        yield from asker.each(items, grade_one)


def grade_with_bill(
    items: Sequence[Item],
    judge: Judge,
    *,
    max_cost: float | None = None,
    concurrency: int = AT_ONCE,
    again_ungraded: bool = False,
) -> Generator[Progress, None, None]:
    """Grade items as `grade` does, each stored with its own run; tell what is read and what it cost.

    The share is of the items that are paid for: what is stored already takes no time.
    """
    to_buy = set(unanswered(items, judge.model, judge.base_url, again_ungraded=again_ungraded))
    read, bought = 0, list[Graded]()

    def so_far() -> Progress:
        cost = spent(bought)
        price = "at a price that is not known" if cost is None else f"for ${cost:.4f}"
        answers = f"{len(bought)} answer{'s' * (len(bought) != 1)} bought {price}"
        doing = f"{judge.model} has read {read} of {len(items)}, {answers}"
        return Progress(doing=doing, share=len(bought) / max(1, len(to_buy)))

    yield so_far()
    with contextlib.closing(
        grade(
            items,
            judge,
            max_cost=max_cost,
            concurrency=concurrency,
            again_ungraded=again_ungraded,
        )
    ) as grading:
        for one in grading:
            read += 1
            if one.item in to_buy:
                bought.append(one)
            yield so_far()


def set_aside(found: Graded, model: str, server: str, store: GradeStore, *, before: float) -> None:
    """Make room for another answer where the one there came before `before` (Unix time).

    The first turn is kept where it said anything, so that only the second is asked again.
    """
    asked = question(found.item)
    if found.assessment:
        second = asked.grade(model, server, found.assessment)
        store.set_aside(second, before=before)
        key = second.key.removesuffix(GRADE_TURN) + AGAIN_TURN
        store.set_aside(replace(second, key=key), before=before)
    else:
        store.set_aside(asked.assess(model, server), before=before)


def stored(
    store: GradeStore, address: str, judge: str | None = None, *, kind: ItemKind = "story"
) -> list[Graded]:
    """Read what was graded before, of one checkpoint (an empty address: of what no model wrote)."""
    return [
        graded(said)
        for said in store.conversations(address)
        if said.finished and judge in (None, said.judge) and said.item.kind == kind
    ]
