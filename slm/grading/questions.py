"""What a judge is asked about an item, and how the answer is read. Knows no server and no file."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from slm.grading.grades import Item, Row
from slm.grading.pairwise import (
    PAIR_FORMAT,
    PAIR_VERSION,
    Verdict,
    comparison_messages,
    read_verdict,
    verdict_messages,
)
from slm.grading.protocol import (
    INSTRUCT_FORMAT,
    INSTRUCT_VERSION,
    PROTOCOL_VERSION,
    RESPONSE_FORMAT,
    Grade,
    Ungraded,
    assessment_messages,
    grade_messages,
    instruct_assessment_messages,
    instruct_grade_messages,
    read_grade,
)
from slm.llm.messages import Message
from slm.stories.instruct import compose, is_record, parse_record


@dataclass(frozen=True, kw_only=True)
class Question:
    """Two turns: `first` asks for words, `second`, given the words, for an answer in this `form`.

    `version` is part of every reply's key: it changes when what is asked does, and then only.
    """

    version: str
    first: list[Message]
    second: Callable[[str], list[Message]]
    form: dict[str, Any]
    read: Callable[[str], Grade | Verdict | Ungraded]


@dataclass(frozen=True, kw_only=True)
class Graded:
    """An item with what the judge said. `cost` in US dollars, None where the price is unknown.

    `refusal` is what the server said where it would not read the text.
    """

    item: Item
    outcome: Grade | Verdict | Ungraded
    assessment: str
    cost: float | None
    reply: str = ""
    judge: str = ""
    refusal: str | None = None


def is_instruct(opening: str) -> bool:
    """Whether a beginning says what the story should be like, as TinyStories-Instruct does."""
    return is_record(opening) and bool(parse_record(opening).order)


def question(item: Item) -> Question:
    """What is asked about `item`: about a pair, a story that was asked for, or a plain story."""
    if item.other is not None:
        texts = (item.opening, item.completion, item.other)
        return Question(
            version=PAIR_VERSION,
            first=comparison_messages(*texts),
            second=partial(verdict_messages, *texts),
            form=PAIR_FORMAT,
            read=read_verdict,
        )
    if is_instruct(item.opening):
        record = parse_record(item.opening)
        task = compose(record).removesuffix("Story:").strip()
        given = (task, record.story or "", item.completion)
        return Question(
            version=INSTRUCT_VERSION,
            first=instruct_assessment_messages(*given),
            second=partial(instruct_grade_messages, *given),
            form=INSTRUCT_FORMAT,
            read=partial(read_grade, instruct=True),
        )
    return Question(
        version=PROTOCOL_VERSION,
        first=assessment_messages(item.opening, item.completion),
        second=partial(grade_messages, item.opening, item.completion),
        form=RESPONSE_FORMAT,
        read=read_grade,
    )


def graded(row: Row) -> Graded:
    """A finished row, read."""
    return Graded(
        item=row.item,
        outcome=_outcome(row),
        assessment=row.assessment or "",
        cost=row.cost,
        reply=row.grade or "",
        judge=row.judge,
        refusal=row.refusal,
    )


def _outcome(row: Row) -> Grade | Verdict | Ungraded:
    if row.refusal is not None:
        return Ungraded(reason=row.refusal, reply="")
    if not row.assessment:
        return Ungraded(reason="the judge gave no assessment", reply="")
    return question(row.item).read(row.grade or "")
