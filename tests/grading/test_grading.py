"""Grading by several processes and by the command line: nothing is lost, nothing is paid twice."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slm.errors import BadInput
from slm.grading.grading import grade, stored
from slm.grading.items import Item, items
from slm.grading.protocol import Grade
from slm.grading.questions import Graded
from slm.grading.store import GradeStore
from slm.llm.judge import Judge
from slm.runs import Checkpoint
from tests.llm.server import JudgeServer

KEY = "sk-very-secret-0123456789"
ITEMS = [
    Item(
        address="tiny@0",
        opening=f"Opening number {index // 2} of",
        completion=f" a story that ends {index}.",
        opening_index=index // 2,
        completion_index=index % 2,
    )
    for index in range(8)
]


@pytest.fixture
def store(tmp_path: Path) -> GradeStore:
    return GradeStore(tmp_path / "grades.sqlite")


def judge(server: JudgeServer, model: str = "gpt-4o", timeout: float = 20.0) -> Judge:
    return Judge(model=model, base_url=server.url, key=KEY, timeout=timeout, first_wait=0.01)


def graded_all(server: JudgeServer, store: GradeStore, **how: float) -> list[Graded]:
    return list(grade(ITEMS, judge(server), store, **how))


def test_every_item_is_graded_with_two_calls_and_a_bill(
    server: JudgeServer, store: GradeStore
) -> None:
    graded = graded_all(server, store)
    assert {one.item for one in graded} == set(ITEMS)
    assert all(isinstance(one.outcome, Grade) for one in graded)
    assert server.paid == 16
    each = 2 * (100 * 2.5 + 50 * 10) / 1e6
    assert [one.cost for one in graded] == pytest.approx([each] * 8)


def test_a_first_turn_that_was_paid_is_not_asked_again(
    server: JudgeServer, store: GradeStore
) -> None:
    server.misbehave = ["", "401"]
    with pytest.raises(BadInput):
        list(grade(ITEMS[:1], judge(server), store))
    assert server.paid == 1
    list(grade(ITEMS[:1], judge(server), store))
    assert server.paid == 2


PROGRAM = """
import sys
from pathlib import Path
from slm.grading.store import GradeStore
from slm.grading.grading import grade
from slm.llm.judge import Judge
from tests.grading.test_grading import ITEMS, KEY
judge = Judge(model="gpt-4o", base_url=sys.argv[1], key=KEY)
for one in grade(ITEMS, judge, GradeStore(Path(sys.argv[2])), concurrency=2):
    print(one.item.completion, flush=True)
"""


def grader(server: JudgeServer, store: GradeStore) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, server.url, str(store.path)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_killed_grading_goes_on_where_it_was(server: JudgeServer, store: GradeStore) -> None:
    process = grader(server, store)
    deadline = time.monotonic() + 60
    while server.paid < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    time.sleep(0.3)
    kept = sum(
        (row.assessment is not None) + (row.grade is not None) for row in store.conversations()
    )
    lost = server.paid - kept
    assert lost <= 2  # only answers that were on the wire when the process died
    graded = graded_all(server, store)
    assert len(graded) == 8
    assert server.paid == 16 + lost


def test_two_processes_at_once_buy_nothing_twice(server: JudgeServer, store: GradeStore) -> None:
    processes = [grader(server, store), grader(server, store)]
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert server.paid == 16
    assert len(stored(store, "tiny@0")) == 8


def test_the_same_checkpoint_and_seed_give_the_same_items(checkpoint: Checkpoint) -> None:
    found = items(checkpoint, ["One day", "Tom"], 2, seed=1)
    assert found == items(checkpoint, ["One day", "Tom"], 2, seed=1)
    assert [(i.opening_index, i.completion_index) for i in found] == [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
    ]
    assert found[0].completion != found[1].completion
