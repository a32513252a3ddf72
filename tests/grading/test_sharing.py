"""Grading beside others: claims outlive nobody, files open at once, and a stop stops everybody."""

import threading
import time
from pathlib import Path

import pytest

from slm.errors import BadInput
from slm.grading.grading import grade
from slm.grading.items import Item
from slm.grading.openings import read_openings
from slm.grading.protocol import RESPONSE_FORMAT, assessment_messages
from slm.grading.scores import summary
from slm.grading.store import GradeStore
from slm.llm.judge import ANSWER_TOKENS, Judge, worst_tokens
from slm.llm.prices import prices
from tests.llm.server import JudgeServer

ITEM = Item(
    address="tiny@0",
    opening="Tom had a",
    completion=" dog.",
    opening_index=0,
    completion_index=0,
)


@pytest.fixture
def store(tmp_path: Path) -> GradeStore:
    return GradeStore(tmp_path / "grades.sqlite")


def judge(server: JudgeServer) -> Judge:
    return Judge(model="gpt-4o", base_url=server.url, key="sk-test")


def test_who_waits_for_room_under_the_cap_asks_nothing_after_a_stop(
    server: JudgeServer, store: GradeStore
) -> None:
    server.misbehave = ["slow"] * 50
    story = [
        Item(**{**vars(ITEM), "completion": f" dog {n}.", "completion_index": n}) for n in range(9)
    ]
    room_for_two = 2.5 * prices()["gpt-4o"].of(
        worst_tokens(assessment_messages(ITEM.opening, " dog 0."), None), ANSWER_TOKENS
    )
    grading = grade(story, judge(server), store, max_cost=room_for_two, concurrency=6)
    stopped = threading.Timer(0.7, server.misbehave.insert, (0, "401"))
    stopped.start()
    with pytest.raises(BadInput, match="refused the key"):
        list(grading)
    assert len(server.asked) <= 4  # two under way, and the two that took their room
    asked = len(server.asked)
    time.sleep(0.3)
    assert len(server.asked) == asked


def test_a_text_that_comes_twice_stands_on_the_bill_once(
    server: JudgeServer, store: GradeStore
) -> None:
    graded = list(grade([ITEM] * 3, judge(server), store))
    assert (len(graded), server.paid) == (3, 2)
    assert summary(graded).spent == pytest.approx(2 * prices()["gpt-4o"].of(100, 50))


def test_the_worst_case_counts_the_schema_and_every_byte() -> None:
    messages = [{"role": "user", "content": "é" * 10}]
    schema = str(RESPONSE_FORMAT["json_schema"]["schema"])
    assert worst_tokens(messages, RESPONSE_FORMAT) >= 20 + len(schema) // 2


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("o.txt", "Tom had\na dog\n \nAmy saw\n\n\n"),
        ("o.json", '["Tom had\\na dog", "Amy saw"]'),
        ("o.yaml", "- |-\n  Tom had\n  a dog\n- Amy saw\n"),
    ],
)
def test_openings_are_read_from_text_json_and_yaml(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert read_openings(path) == ("Tom had\na dog", "Amy saw")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("o.json", "{"),
        ("o.json", '{"a": 1}'),
        ("o.json", "[1]"),
        ("o.yaml", "- 'a\n- b: ["),
        ("o.txt", " \n"),
    ],
)
def test_openings_that_cannot_be_read_are_refused_in_one_line(
    tmp_path: Path, name: str, text: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(BadInput) as caught:
        read_openings(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(BadInput, match="No such file"):
        read_openings(tmp_path / "missing.txt")
