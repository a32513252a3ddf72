"""Grading beside others: claims outlive nobody, files open at once, and a stop stops everybody."""

import threading
import time
from pathlib import Path

import pytest

from slm.errors import BadInput
from slm.grading.grading import grade
from slm.grading.items import Item
from slm.grading.protocol import assessment_messages
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
