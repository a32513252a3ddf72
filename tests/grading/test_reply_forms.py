"""The forms in which judges really reply, each with what it gives: grades and the rule, or the reason.

All are served by one loopback server and graded in one run; the story's opening names the form.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from slm.grading.grading import grade
from slm.grading.items import Item
from slm.grading.protocol import Grade, Ungraded
from slm.grading.questions import Graded
from slm.grading.store import GradeStore
from slm.llm.judge import MOST_ANSWER_TOKENS, Judge
from tests.llm.server import Answer, serving

GOOD = {"grammar": 7, "creativity": 6, "consistency": 5, "plot": 4, "age_group": "C"}
G = json.dumps(GOOD)
WORDS = "It reads well enough, though the middle wanders."
READ = (7.0, 6.0, 5.0, 4.0, "C")
Say = Callable[[dict[str, Any]], Answer]


def message(
    content: Any = None, finish: str | None = "stop", usage: Any = "known", **more: Any
) -> Answer:
    """A completion whose message holds what is given."""
    body: dict[str, Any] = {
        "choices": [{"index": 0, "finish_reason": finish, "message": {"content": content, **more}}]
    }
    if usage == "known":
        body["usage"] = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
    elif usage is not None:
        body["usage"] = usage
    return Answer(body=json.dumps(body))


def is_second(request: dict[str, Any]) -> bool:
    return len(request["messages"]) > 1


def answers(content: Any, **more: Any) -> Say:
    """Words in the first turn, and then this."""
    return lambda asked: message(content, **more) if is_second(asked) else message(WORDS)


def both(first: Any, second: Any, **more: Any) -> Say:
    """The same kind of message in both turns."""
    return lambda asked: message(second if is_second(asked) else first, **more)


def thinking(short: Answer, enough: int, turn: int) -> Say:
    """A judge whose thoughts take `enough` tokens in one turn."""

    def say(asked: dict[str, Any]) -> Answer:
        if is_second(asked) == (turn == 2) and asked["max_tokens"] < enough:
            return short
        return message(G if is_second(asked) else WORDS)

    return say


def corrected(wrong: str) -> Say:
    """A judge that answers as it should once it is told what was wrong."""
    return lambda asked: message(
        WORDS if not is_second(asked) else G if len(asked["messages"]) > 3 else wrong
    )


CALL = [{"id": "c", "type": "function", "function": {"name": "grade", "arguments": G}}]
PARTS = [{"type": "thinking", "thinking": [{"type": "text", "text": "3?"}]}]
HARMONY = "<|channel|>analysis<|message|>3?<|end|><|start|>assistant<|channel|>final<|message|>"
CUT = message("<think>\nOkay, the user wants", finish="length")
SILENT = message(None, finish="length", reasoning_content="long thoughts")
EMPTY = Answer(body='{"choices": [{"finish_reason": "length", "message": {"role": "assistant"}}]}')
NO_AGE = '"grammar": 7, "creativity": 6, "consistency": 5, "plot": 4'
PAPER = "Grammar: 7/10, Creativity: 6/10, Consistency: 5/10, Plot: 4/10, Age group: C (6-7)"
LINES = "**Grammar:** 7/10\n**Creativity:** 6/10\n**Consistency:** 5/10\n**Plot:** 4/10\n"

FORMS: dict[str, tuple[Say, str]] = {
    # the form: what the server says, and the rule by which it is read
    "plain": (answers(G), "JSON"),
    "thoughts in both turns": (
        both(f"<think>\nA dog.\n</think>\n\n{WORDS}", f"<think>\n3?\n</think>\n{G}"),
        "JSON, thoughts left out",
    ),
    "thought": (answers(f"<thought>3?</thought>{G}"), "JSON, thoughts left out"),
    "empty thoughts": (answers(f"<think>\n\n</think>\n\n{G}"), "JSON, thoughts left out"),
    "closing tag alone": (answers(f"Okay, 3.\n</think>\n\n{G}"), "JSON, thoughts left out"),
    "channels": (answers(HARMONY + G), "JSON, thoughts left out"),
    "thoughts beside": (both(WORDS, G, reasoning_content="3?"), "JSON"),
    "fence": (answers(f"```json\n{G}\n```"), "JSON in a fence"),
    "fence in capitals": (answers(f"```JSON\n{G}\n```"), "JSON in a fence"),
    "fence in prose": (answers(f"Here:\n\n```json\n{G}\n```\nWell."), "JSON in a fence"),
    "prose before": (answers("Sure! " + G), "JSON in prose"),
    "prose after": (answers(G + "\n\nThe student shows promise."), "JSON in prose"),
    "boxed": (answers("\\boxed{" + G + "}"), "JSON in prose"),
    "the same twice": (answers(f"{G}\n{G}"), "JSON in prose"),
    "the paper's": (answers(PAPER), "names with grades"),
    "bold lines": (answers(LINES + "**Age group:** C"), "names with grades"),
    "another order": (
        answers("Age group: C\nPlot: 4\nConsistency: 5\nCreativity: 6\nGrammar: 7"),
        "names with grades",
    ),
    "grades in words": (
        answers("Grammar: seven. Creativity: six. Consistency: five. Plot: four. Age group: C."),
        "names with grades",
    ),
    "a sentence": (
        answers(
            "I give 7 for grammar, 6 for creativity, 5 for consistency, 4 for plot. Age group: C."
        ),
        "grades with names",
    ),
    "a table": (
        answers("|Grammar|7|\n|Creativity|6|\n|Consistency|5|\n|Plot|4|\n|Age group|C|"),
        "names with grades",
    ),
    "words in JSON": (answers(G.replace("7", '"seven out of ten"')), "JSON"),
    "texts in JSON": (answers(G.replace("7", '"7.0/10"')), "JSON"),
    "bare fraction": (answers(G.replace("7", "7/10")), "nearly JSON"),
    "decimal comma": (answers(G.replace("7", "7,0")), "nearly JSON"),
    "leading plus": (answers(G.replace("7", "+7")), "nearly JSON"),
    "single quotes": (answers(str(GOOD)), "nearly JSON"),
    "smart quotes": (answers(G.replace('"', "\u201d")), "nearly JSON"),
    "trailing comma": (answers(G.replace("}", ",}")), "nearly JSON"),
    "comments": (answers(G.replace("7,", "7, // fine\n")), "nearly JSON"),
    "capitals": (
        answers(G.replace("grammar", "Grammar").replace("age_group", "Age group")),
        "JSON",
    ),
    "more keys": (answers(G.replace("}", ', "comment": "Plot: nice"}')), "JSON"),
    "nested": (answers(f'{{"grades": {{{NO_AGE}}}, "age_group": "C"}}'), "JSON"),
    "each with reasons": (answers(G.replace("7", '{"score": 7, "reason": "few slips"}')), "JSON"),
    "a list": (answers(f"[{G}]"), "JSON"),
    "in a schema": (answers(f'{{"type": "object", "properties": {G}}}'), "JSON"),
    "doubly encoded": (answers(json.dumps(G)), "JSON in a JSON text"),
    "byte order mark": (answers("\ufeff" + G), "JSON"),
    "age as a range": (answers(G.replace('"C"', '"6-7"')), "JSON"),
    "age with its letter": (answers(G.replace('"C"', '"C: 6-7"')), "JSON"),
    "small letter": (answers(G.replace('"C"', '"c"')), "JSON"),
    "age as a number": (answers(G.replace('"C"', "7")), "JSON"),
    "age in words": (answers(G.replace('"C"', '"six to seven"')), "JSON"),
    "parts": (
        both([{"type": "text", "text": WORDS}], [*PARTS, {"type": "text", "text": G}]),
        "JSON, list of parts",
    ),
    "reasoning with empty content": (
        answers("", reasoning_content=G),
        "JSON, reasoning",
    ),
    "tool call": (both(None, None, finish="tool_calls", tool_calls=CALL), "JSON, tool call"),
    "no usage": (both(WORDS, G, usage=None), "JSON"),
    "empty usage": (both(WORDS, G, usage={"prompt_tokens": None}), "JSON"),
    "no finish reason": (both(WORDS, G, finish=None), "JSON"),
    "refused at first": (
        lambda asked: message(G) if is_second(asked) else message(None, refusal="I'm sorry."),
        "JSON",
    ),
    "length after the answer": (answers(G + "\nAnd so", finish="length"), "JSON in prose"),
    "thoughts cut off at first": (thinking(CUT, 1600, 1), "JSON"),
    "silence in thoughts": (thinking(SILENT, 6400, 2), "JSON"),
    "no content at all": (thinking(EMPTY, 1600, 1), "JSON"),
    "cut in the answer": (thinking(message(G[:30], finish="length"), 1600, 2), "JSON"),
    "corrected": (corrected("A solid seven."), "JSON"),
    "corrected grades": (corrected(G.replace("7", "70")), "JSON"),
}
UNREAD: dict[str, tuple[Say, str]] = {
    # the form: what the server says, and why no rule reads it
    "above ten": (answers(G.replace("7", "11")), "grammar is 11, not a number from 0 to 10"),
    "of a hundred": (answers(G.replace("7", "70")), "grammar is 70, not a number from 0 to 10"),
    "NaN": (answers(G.replace("7", "NaN")), "grammar is nan"),
    "null": (answers(G.replace("7", "null")), "grammar is None"),
    "a range": (answers(PAPER.replace("7/10", "7-8/10")), "grammar is '7-8/10'"),
    "two grades": (answers(f"{G}\n{G.replace('7', '8')}"), "grammar has several grades: 7 and 8"),
    "prose against JSON": (answers("Grammar: 9/10\n" + G), "grammar has several grades: 7 and 9"),
    "two ages": (answers(f"{G}\n{G.replace('C', 'D')}"), "several age groups: C and D"),
    "a dimension missing": (answers(G.replace(', "plot": 4', "")), "no grade for plot"),
    "French": (answers('{"grammaire": 7, "intrigue": 4}'), "there are no grades in the reply"),
    "no names": (answers("[7, 6, 5, 4]"), "there are no grades in the reply"),
    "spaces": (answers(" \n" * 150), "the reply is empty"),
    "refusal": (
        answers(None, refusal="I'm sorry, I can't grade that."),
        "the judge refused to answer: I'm sorry, I can't grade that.",
    ),
    "filtered": (
        both(None, None, finish="content_filter"),
        "the server's content filter ended the reply",
    ),
    "filtered at the end": (
        answers(None, finish="content_filter"),
        "the server's content filter ended the reply",
    ),
    "endless thoughts": (
        lambda asked: CUT,
        "the judge used up its limit of tokens in thoughts and gave no assessment",
    ),
    "endless silence": (
        lambda asked: SILENT,
        "the judge used up its limit of tokens without an assessment",
    ),
    "endless second thoughts": (
        lambda asked: CUT if is_second(asked) else message(WORDS),
        "cut off by its limit of tokens before it had an answer",
    ),
    "grades in thoughts alone": (answers(f"<think>{G}"), "thoughts and no answer"),
}
ASKS_FOR_MORE = {
    name for name in [*FORMS, *UNREAD] if re.search("cut|silence|no content|endless", name)
}


@pytest.fixture(scope="module")
def asked() -> list[dict[str, Any]]:
    return []


@pytest.fixture(scope="module")
def graded(
    tmp_path_factory: pytest.TempPathFactory, asked: list[dict[str, Any]]
) -> Iterator[dict[str, Graded]]:
    """Every form, graded in one run."""
    ways = {name: say for forms in (FORMS, UNREAD) for name, (say, _) in forms.items()}

    def script(_: int, request: dict[str, Any]) -> Answer:
        asked.append(request)
        story = request["messages"][0]["content"]
        return ways[story.partition("<story>\n")[2].partition("***")[0]](request)

    items = [
        Item(address="", opening=name, completion=" x", opening_index=at, completion_index=0)
        for at, name in enumerate(ways)
    ]
    store = GradeStore(tmp_path_factory.mktemp("forms") / "grades.sqlite")
    alone = [item for item in items if item.opening in ASKS_FOR_MORE]
    together = [item for item in items if item.opening not in ASKS_FOR_MORE]
    with serving(script) as server:
        found = []
        for some in (together, *([one] for one in alone)):  # each judge learns its own limit
            judge = Judge(model="mine", base_url=server.url, key="none", tries=1)
            found += list(grade(some, judge, store))
    yield {one.item.opening: one for one in found}


@pytest.mark.parametrize("form", FORMS)
def test_a_story_is_graded_where_a_person_would_know_the_grades(
    form: str, graded: dict[str, Graded]
) -> None:
    outcome = graded[form].outcome
    assert isinstance(outcome, Grade), outcome
    assert (*outcome.grades.values(), outcome.age_group) == READ
    assert outcome.rule == FORMS[form][1]
    assert graded[form].asked_again == form.startswith("corrected")


@pytest.mark.parametrize("form", UNREAD)
def test_what_no_rule_reads_is_ungraded_and_says_why(form: str, graded: dict[str, Graded]) -> None:
    outcome = graded[form].outcome
    assert isinstance(outcome, Ungraded), outcome
    assert UNREAD[form][1] in outcome.reason


def test_no_assessment_that_is_sent_back_holds_thoughts(
    graded: dict[str, Graded], asked: list[dict[str, Any]]
) -> None:
    second = [request for request in asked if is_second(request)]
    sent_back = [one["content"] for each in second for one in each["messages"][1::2]]
    assert len(sent_back) > len(FORMS)
    assert not [text for text in sent_back if "think" in text or "3?" in text]


def test_what_could_not_be_read_was_asked_for_once_more_with_what_was_wrong(
    graded: dict[str, Graded], asked: list[dict[str, Any]]
) -> None:
    again = [one["messages"] for one in asked if len(one["messages"]) > 3]
    stories = [one[0]["content"] for one in again]
    assert sum("above ten***" in story for story in stories) == 1
    (said,) = [one[-1]["content"] for one in again if "above ten***" in one[0]["content"]]
    assert "grammar is 11, not a number from 0 to 10. Answer once more" in said
    assert not [one for one in graded.values() if one.asked_again and one.refusal]


def test_a_limit_is_raised_until_it_is_enough_and_no_further_than_the_highest(
    graded: dict[str, Graded], asked: list[dict[str, Any]]
) -> None:
    def limits(form: str, turns: int) -> list[int]:
        mine = [one for one in asked if f"\n{form}***" in one["messages"][0]["content"]]
        return [one["max_tokens"] for one in mine if len(one["messages"]) == turns]

    assert limits("thoughts cut off at first", 1) == [400, 1600]
    assert limits("silence in thoughts", 3) == [400, 1600, 6400]
    assert limits("length after the answer", 3) == [400], "it was enough as it was"
    assert limits("endless thoughts", 1) == [400, 1600, 6400, 25600, MOST_ANSWER_TOKENS]
