"""Questions to a judge about an item, and reading of the answers."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from slm.grading.items import Conversation, Item, item_key
from slm.grading.pairwise import (
    PAIR_FORMAT,
    PAIR_VERSION,
    Preference,
    comparison_messages,
    preference_messages,
    read_preference,
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
from slm.llm.replies import Call, KeptReply
from slm.stories.instruct import compose, is_record, parse_record

GRADE_TURN = "/grade"
"""What the second turn's key adds to that of the first."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """Two turns: `first` asks for words, `second`, given the words, for an answer in this `form`.

    `version` is part of every reply's key: it changes when what is asked does, and then only.
    """

    item: Item
    version: str
    first: list[Message]
    second: Callable[[str], list[Message]]
    form: dict[str, Any]
    read: Callable[[str], Grade | Preference | Ungraded]

    def assess(self, model: str, server: str) -> Call:
        """Build the call of the first turn."""
        return Call(
            key=item_key(self.item, model, server, self.version),
            model=model,
            server=server,
            version=self.version,
            messages=self.first,
        )

    def grade(self, model: str, server: str, assessment: str) -> Call:
        """Build the call of the second turn, which repeats the first and its answer."""
        first = self.assess(model, server)
        messages = self.second(assessment)
        return replace(first, key=first.key + GRADE_TURN, messages=messages, form=self.form)


@dataclass(frozen=True, kw_only=True)
class Graded:
    """An item with what the judge said. `cost` in US dollars, None where the price is unknown.

    `refusal` is what the server said where it would not read the text.
    """

    item: Item
    outcome: Grade | Preference | Ungraded
    assessment: str
    cost: float | None
    reply: str = ""
    judge: str = ""
    refusal: str | None = None


def is_instruct(opening: str) -> bool:
    """Return whether an opening is a TinyStories-Instruct request."""
    return is_record(opening) and bool(parse_record(opening).order)


def question(item: Item) -> Question:
    """Build the question about `item`: a pair, a requested story, or a plain story."""
    if item.other is not None:
        texts = (item.opening, item.completion, item.other)
        return Question(
            item=item,
            version=PAIR_VERSION,
            first=comparison_messages(*texts),
            second=partial(preference_messages, *texts),
            form=PAIR_FORMAT,
            read=read_preference,
        )
    if is_instruct(item.opening):
        record = parse_record(item.opening)
        task = compose(record).removesuffix("Story:").strip()
        given = (task, record.story or "", item.completion)
        return Question(
            item=item,
            version=INSTRUCT_VERSION,
            first=instruct_assessment_messages(*given),
            second=partial(instruct_grade_messages, *given),
            form=INSTRUCT_FORMAT,
            read=partial(read_grade, instruct=True),
        )
    return Question(
        item=item,
        version=PROTOCOL_VERSION,
        first=assessment_messages(item.opening, item.completion),
        second=partial(grade_messages, item.opening, item.completion),
        form=RESPONSE_FORMAT,
        read=read_grade,
    )


def conversation(
    item: Item, judge: str, first: KeptReply | None, second: KeptReply | None
) -> Conversation:
    """Put together what a judge said of an item in both turns."""
    said = [reply for reply in (first, second) if reply is not None]
    costs = [reply.cost for reply in said if reply.cost is not None]
    return Conversation(
        item=item,
        judge=judge,
        assessment=None if first is None else first.reply,
        grade=None if second is None else second.reply,
        cost=sum(costs) if costs else None,
        input_tokens=sum(reply.input_tokens for reply in said),
        output_tokens=sum(reply.output_tokens for reply in said),
        refusal=next((reply.refusal for reply in said if reply.refusal is not None), None),
    )


def graded(said: Conversation) -> Graded:
    """Read a finished conversation."""
    return Graded(
        item=said.item,
        outcome=_outcome(said),
        assessment=said.assessment or "",
        cost=said.cost,
        reply=said.grade or "",
        judge=said.judge,
        refusal=said.refusal,
    )


def _outcome(said: Conversation) -> Grade | Preference | Ungraded:
    if said.refusal is not None:
        return Ungraded(reason=said.refusal, reply="")
    if not said.assessment:
        return Ungraded(reason="the judge gave no assessment", reply="")
    return question(said.item).read(said.grade or "")
