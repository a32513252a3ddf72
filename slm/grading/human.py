"""A person as the judge: the same items, blinded, and the answers kept like any other judge's."""

import json
import random
import re
from collections.abc import Sequence
from dataclasses import replace

from slm.errors import BadInput
from slm.grading.grade_reader import AGES
from slm.grading.grading import unanswered
from slm.grading.items import Item
from slm.grading.questions import question, rubric_of
from slm.grading.store import store_for
from slm.llm.judge import server_of
from slm.llm.messages import Reply

PERSON = "person:"
BY_HAND = "by hand"
"""Stands where the address of another judge's server does."""

NO_WORDS = "(graded by hand)"
VERDICTS = {"1": "first", "2": "second", "=": "tie"}


def person(name: str) -> str:
    """Return a person's name as a judge's: `person:amy`. `BadInput` where the name is not allowed."""
    name = name.strip()
    if not re.fullmatch(r"\w[\w .-]{0,39}", name):
        raise BadInput(f"a person's name is 1 to 40 letters, digits, '.', '-' or '_', not {name!r}")
    return PERSON + name


def to_read(items: Sequence[Item], name: str) -> list[Item]:
    """List the items this person has not graded: each text once, in a random order.

    The order depends on the name and the texts alone, so that grading continues where it was left.
    """
    once = [item for item in items if item.repeat == 0]
    left = unanswered(once, person(name), BY_HAND)
    keyed = {random.Random(f"{name}\0{i.opening}\0{i.completion}").random(): i for i in left}
    return [keyed[at] for at in sorted(keyed)]


def expected(item: Item) -> str:
    """Describe the input that `read_by_hand` takes."""
    if item.other is not None:
        return "1, 2 or ="
    rubric = rubric_of(item)
    return " ".join((*rubric.dimensions, *(["age"] if rubric.age_group else [])))


def read_by_hand(item: Item, typed: str) -> str:
    """Turn `7 5 8 6 C` (or, of a pair, `1`, `2` or `=`) into the answer the protocol wants."""
    if item.other is not None:
        if typed.strip() not in VERDICTS:
            raise BadInput(f"type 1, 2 or =, not {typed.strip()!r}")
        return json.dumps({"better": VERDICTS[typed.strip()]})
    rubric = rubric_of(item)
    names = rubric.dimensions
    grades = re.split(r"[\s,;]+", typed.strip())
    age = grades.pop().upper() if rubric.age_group else "A"
    try:
        values = [float(grade) for grade in grades]
    except ValueError:
        values = []
    right = len(values) == len(names) and all(0 <= value <= 10 for value in values)
    if not right or age not in AGES:
        letter = " and a letter A to F" if rubric.age_group else ""
        raise BadInput(
            f"type {len(names)} grades from 0 to 10 ({', '.join(names)}){letter}, such as "
            f"{'7 ' * len(names)}{'C' * rubric.age_group}, not {typed.strip()[:40]!r}"
        )
    group = {"age_group": age} if rubric.age_group else {}
    return json.dumps({**dict(zip(names, values, strict=True)), **group})


def keep_by_hand(item: Item, name: str, reply: str, *, words: str = "") -> None:
    """Keep a person's answer; one they gave before is set aside, and stays in the file."""
    asked, store, said = (
        question(replace(item, repeat=0)),
        store_for(item),
        words.strip() or NO_WORDS,
    )
    judge, server = person(name), server_of(BY_HAND)
    turns = [(asked.assess(judge, server), said), (asked.grade(judge, server, said), reply)]
    store.add(asked.item, turns[0][0].key)
    for call, text in turns:
        store.set_aside(call, before=float("inf"))
        store.keep(call, Reply(text=text, input_tokens=0, output_tokens=0), cost=0.0)
