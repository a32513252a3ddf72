"""A person as the judge: blinded, kept like any other, and correctable."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from slm.errors import BadInput
from slm.grading.human import keep_by_hand, person, read_by_hand, to_read
from slm.grading.items import Item, repeated
from slm.grading.judge_checks import check_items
from slm.grading.protocol import Grade
from slm.grading.questions import graded
from slm.grading.store import GradeStore, judges_path

ITEMS = check_items()
PAIR = replace(ITEMS[0], kind="pair", other=" another ending")
ASKED = replace(ITEMS[0], opening="Words: dog\nStory:")


def test_what_a_person_types_is_the_answer_the_protocol_wants() -> None:
    assert json.loads(read_by_hand(ITEMS[0], " 7 5,8.5  6 c")) == {
        "grammar": 7,
        "creativity": 5,
        "consistency": 8.5,
        "plot": 6,
        "age_group": "C",
    }
    assert json.loads(read_by_hand(ASKED, "7 5 8 6 9 C"))["instruction"] == 9
    assert json.loads(read_by_hand(PAIR, "=")) == {"better": "tie"}


@pytest.mark.parametrize(
    "typed", ["", "7 5 8 6", "7 5 8 C", "7 5 8 11 C", "7 5 8 6 G", "a b c d E"]
)
def test_what_is_no_grade_is_said_and_not_kept(typed: str) -> None:
    with pytest.raises(BadInput, match="type 4 grades from 0 to 10"):
        read_by_hand(ITEMS[0], typed)
    with pytest.raises(BadInput, match="type 1, 2 or ="):
        read_by_hand(PAIR, "3")


@pytest.mark.parametrize("name", ["", " ", "../x", "a" * 41, "person:me"])
def test_a_name_is_a_name(name: str) -> None:
    with pytest.raises(BadInput, match="a person's name"):
        person(name)


def test_a_person_reads_every_text_once_in_an_order_that_stays(runs: Path) -> None:
    order = to_read(repeated(ITEMS, 3), "amy")
    assert len(order) == 24 and {i.completion for i in order} == {i.completion for i in ITEMS}
    assert order == to_read(ITEMS, "amy") != to_read(ITEMS, "ben")
    assert not judges_path().exists()
    for item in order[:2]:
        keep_by_hand(item, "amy", read_by_hand(item, "7 5 8 6 C"))
    assert to_read(ITEMS, "amy") == order[2:]
    assert len(to_read(ITEMS, "ben")) == 24


def test_a_correction_replaces_the_grade_and_keeps_what_was_said(runs: Path) -> None:
    item: Item = ITEMS[0]
    for typed in ("1 1 1 1 A", "9 9 9 9 F"):
        keep_by_hand(item, "amy", read_by_hand(item, typed), words="hm")
    (row,) = GradeStore(judges_path()).conversations()
    found = graded(row)
    assert isinstance(found.outcome, Grade) and found.outcome.grades["grammar"] == 9
    assert (found.judge, found.assessment, found.cost) == ("person:amy", "hm", 0.0)
