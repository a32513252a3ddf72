"""Questions to a judge about an item, and reading of the answers."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from slm.grading.items import Conversation, Item, item_key
from slm.grading.pairwise import (
    PAIR_EXAMPLE,
    PAIR_FORMAT,
    PAIR_VERSION,
    Preference,
    comparison_messages,
    preference_messages,
    read_preference,
)
from slm.grading.protocol import (
    CUT,
    Grade,
    Ungraded,
    again_messages,
    assessment_messages,
    grade_messages,
    instruct_assessment_messages,
    read_grade,
)
from slm.grading.rubric import PAPER, PAPER_INSTRUCT, Rubric
from slm.llm.messages import FILTERED, LENGTH, Message
from slm.llm.replies import Call, KeptReply
from slm.llm.reply_reader import without_thoughts
from slm.stories.instruct import compose, is_record, parse_record

GRADE_TURN = "/grade"
"""What the second turn's key adds to that of the first."""
AGAIN_TURN = GRADE_TURN + "/again"
"""What the third turn's key adds, in which an answer that could not be read is asked for once more."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """Two turns: `first` asks for words, `second`, given the words, for an answer in this `form`.

    `version` is part of every reply's key: it changes when what is asked does, and then only.
    """

    item: Item
    version: str
    first: list[Message]
    second: Callable[[list[Message], str], list[Message]]
    form: dict[str, Any]
    example: str
    read: Callable[..., Grade | Preference | Ungraded]

    def assess(self, model: str, server: str) -> Call:
        """Build the call of the first turn."""
        return Call(
            key=item_key(self.item, model, server, self.version),
            model=model,
            server=server,
            version=self.version,
            messages=self.first,
            suffices=lambda text: bool(without_thoughts(text).strip()),
        )

    def grade(self, model: str, server: str, assessment: str) -> Call:
        """Build the call of the second turn, which repeats the first and its answer."""
        first = self.assess(model, server)
        return replace(
            first,
            key=first.key + GRADE_TURN,
            messages=self.second(self.first, assessment),
            form=self.form,
            suffices=self._can_be_read,
        )

    def again(self, model: str, server: str, assessment: str, unread: Ungraded) -> Call:
        """Build the call of the third turn, which says what was wrong with the second's answer."""
        second = self.grade(model, server, assessment)
        messages = again_messages(list(second.messages), unread.reply, unread.reason, self.example)
        key = second.key.removesuffix(GRADE_TURN) + AGAIN_TURN
        return replace(second, key=key, messages=messages)

    def outcome(self, answer: KeptReply) -> Grade | Preference | Ungraded:
        """Read an answer to the second or third turn."""
        if answer.refusal is not None:
            return Ungraded(reason=answer.refusal, reply="")
        text = answer.reply or ""
        found = self.read(text, finish=answer.finish)
        if isinstance(found, Ungraded):
            if answer.part == "refusal":
                said = " ".join(text.split())[:200]
                return replace(found, reason=f"the judge refused to answer: {said}")
            return found
        return (
            found
            if answer.part == "content"
            else replace(found, rule=f"{found.rule}, {answer.part}")
        )

    def _can_be_read(self, text: str) -> bool:
        return not isinstance(self.read(text, finish="length"), Ungraded)


@dataclass(frozen=True, kw_only=True)
class Graded:
    """An item with what the judge said. `cost` in US dollars, None where the price is unknown.

    `refusal` is what the server said where it would not read the text; `asked_again`, that an answer
    that could not be read was asked for once more.
    """

    item: Item
    outcome: Grade | Preference | Ungraded
    assessment: str
    cost: float | None
    reply: str = ""
    judge: str = ""
    refusal: str | None = None
    asked_again: bool = False

    @property
    def judged_by(self) -> str:
        """The judge, with the version of its rubric where that is not the paper's."""
        rubric = self.item.rubric
        return self.judge if rubric is None else f"{self.judge} ({rubric.version})"


def is_instruct(opening: str) -> bool:
    """Return whether an opening is a TinyStories-Instruct request."""
    return is_record(opening) and bool(parse_record(opening).order)


def rubric_of(item: Item) -> Rubric:
    """Return what a story is graded by: its own rubric, else the paper's."""
    if item.rubric is not None:
        return item.rubric
    return PAPER_INSTRUCT if is_instruct(item.opening) else PAPER


def question(item: Item) -> Question:
    """Build the question about `item`: a pair, a requested story, or a plain story."""
    cut = bool(item.cut)
    if item.other is not None:
        texts = (item.opening, item.completion, item.other)
        return Question(
            item=item,
            version=PAIR_VERSION + (CUT if cut or item.other_cut else ""),
            first=comparison_messages(*texts, cut=cut, other_cut=bool(item.other_cut)),
            second=preference_messages,
            form=PAIR_FORMAT,
            example=PAIR_EXAMPLE,
            read=read_preference,
        )
    rubric = rubric_of(item)
    if is_instruct(item.opening):
        record = parse_record(item.opening)
        task = compose(record).removesuffix("Story:").strip()
        first = instruct_assessment_messages(
            task, record.story or "", item.completion, rubric=rubric, cut=cut
        )
    else:
        first = assessment_messages(item.opening, item.completion, rubric=rubric, cut=cut)
    return Question(
        item=item,
        version=rubric.version + (CUT if cut else ""),
        first=first,
        second=partial(grade_messages, rubric=rubric),
        form=rubric.response_format,
        example=rubric.example,
        read=partial(read_grade, rubric=rubric),
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
        asked_again=said.again is not None,
    )


def unread(said: Conversation) -> Ungraded | None:
    """Return why the second answer cannot be read, where it is to be asked for once more.

    None where it can be read, was asked for again, was refused by the server, or ended by its filter.
    """
    if said.second is None or said.second.reply is None or said.again is not None:
        return None
    if said.second.finish == FILTERED or not said.assessment:
        return None
    found = question(said.item).outcome(said.second)
    return found if isinstance(found, Ungraded) else None


def _outcome(said: Conversation) -> Grade | Preference | Ungraded:
    if said.refusal is not None:
        return Ungraded(reason=said.refusal, reply="")
    if not said.assessment:
        return Ungraded(
            reason=_no_assessment(said.first), reply=(said.first and said.first.reply) or ""
        )
    asked = question(said.item)
    if said.again is not None and said.again.reply is not None:
        return asked.outcome(said.again)
    return asked.outcome(said.second) if said.second else Ungraded(reason="not asked", reply="")


def _no_assessment(first: KeptReply | None) -> str:
    """Say why the first turn has no words."""
    if first is None or first.reply is None or not first.reply.strip():
        if first is not None and first.finish == FILTERED:
            return "the server's content filter ended the reply"
        if first is not None and first.finish == LENGTH:
            return "the judge used up its limit of tokens without an assessment"
        return "the judge gave no assessment"
    if first.finish == LENGTH:
        return "the judge used up its limit of tokens in thoughts and gave no assessment"
    return "the judge gave thoughts and no assessment"
