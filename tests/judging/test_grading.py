"""Grading against a real server that misbehaves: nothing paid is lost, nothing is paid twice."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slm.errors import BadInput
from slm.judging.grades import GradeStore, Item
from slm.judging.grading import CapReached, Graded, estimate, grade, items, stored, summary
from slm.judging.judge import ANSWER_TOKENS, Judge, Unavailable
from slm.judging.protocol import Grade, Ungraded
from slm.runs import Checkpoint
from tests.judging.server import JudgeServer

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
def server() -> Iterator[JudgeServer]:
    judge = JudgeServer()
    thread = threading.Thread(target=judge.serve_forever, daemon=True)
    thread.start()
    yield judge
    judge.shutdown()
    judge.server_close()
    thread.join()


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


def test_the_second_time_nothing_is_paid(server: JudgeServer, store: GradeStore) -> None:
    first = graded_all(server, store)
    again = graded_all(server, store)
    assert server.paid == 16
    assert sorted(first, key=repr) == sorted(again, key=repr)
    assert len(stored(store, "tiny@0")) == 8


@pytest.mark.parametrize("how", ["429", "500", "drop", "half", "schema", "slow"])
def test_a_server_that_stumbles_is_asked_again(
    server: JudgeServer, store: GradeStore, how: str
) -> None:
    server.misbehave = ["", how]
    (one,) = grade(ITEMS[:1], judge(server), store)
    assert isinstance(one.outcome, Grade)
    assert server.paid == 2


@pytest.mark.parametrize("how", ["prose", "range"])
def test_an_answer_that_cannot_be_read_is_ungraded_and_kept(
    server: JudgeServer, store: GradeStore, how: str
) -> None:
    server.misbehave = ["", how]
    (one,) = grade(ITEMS[:1], judge(server), store)
    assert isinstance(one.outcome, Ungraded)
    assert one.outcome.reply
    counted = summary([one])
    assert (counted.graded, counted.ungraded, counted.means) == (0, 1, {})


@pytest.mark.parametrize(("how", "line"), [("401", "refused the key"), ("404", "knows no model")])
def test_what_waiting_cannot_mend_stops_at_once_in_one_line(
    server: JudgeServer, store: GradeStore, how: str, line: str
) -> None:
    server.misbehave = [how] * 50
    with pytest.raises(BadInput, match=line) as caught:
        graded_all(server, store, concurrency=2)
    assert "\n" not in str(caught.value)
    assert len(server.asked) <= 2


def test_a_silent_server_says_where_it_was_sought(store: GradeStore) -> None:
    nobody = Judge(model="gpt-4o", base_url="http://127.0.0.1:9/v1", key=KEY, tries=1)
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9.* cannot be reached"):
        list(grade(ITEMS[:1], nobody, store))


def test_a_first_turn_that_was_paid_is_not_asked_again(
    server: JudgeServer, store: GradeStore
) -> None:
    server.misbehave = ["", "401"]
    with pytest.raises(BadInput):
        list(grade(ITEMS[:1], judge(server), store))
    assert server.paid == 1
    list(grade(ITEMS[:1], judge(server), store))
    assert server.paid == 2


def test_the_cap_is_never_passed(server: JudgeServer, store: GradeStore) -> None:
    worst_output = ANSWER_TOKENS * 10 / 1e6
    cap = 3 * worst_output
    with pytest.raises(CapReached, match="could pass the cap"):
        graded_all(server, store, max_cost=cap, concurrency=4)
    spent = sum(row.cost or 0.0 for row in store.rows())
    assert 0 < spent <= cap
    assert spent == pytest.approx(server.paid * (100 * 2.5 + 50 * 10) / 1e6)


def test_a_cap_on_an_unknown_price_is_refused(server: JudgeServer, store: GradeStore) -> None:
    with pytest.raises(BadInput, match="price of 'my-model' is unknown"):
        list(grade(ITEMS, judge(server, "my-model"), store, max_cost=1.0))
    assert not server.asked
    assert estimate(ITEMS, "my-model").cost is None
    graded = list(grade(ITEMS[:1], judge(server, "my-model"), store))
    assert summary(graded).spent is None


def test_closing_keeps_what_is_under_way(server: JudgeServer, store: GradeStore) -> None:
    grading = grade(ITEMS, judge(server), store, concurrency=2)
    next(grading)
    grading.close()
    paid = server.paid
    kept = sum((row.assessment is not None) + (row.grade is not None) for row in store.rows())
    assert kept == paid < 16
    graded_all(server, store)
    assert server.paid == 16


PROGRAM = """
import sys
from pathlib import Path
from slm.judging.grades import GradeStore
from slm.judging.grading import grade
from slm.judging.judge import Judge
from tests.judging.test_grading import ITEMS, KEY
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
    kept = sum((row.assessment is not None) + (row.grade is not None) for row in store.rows())
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


def test_the_key_is_written_nowhere(
    server: JudgeServer, store: GradeStore, caplog: pytest.LogCaptureFixture
) -> None:
    server.misbehave = ["", "", "401"]
    with caplog.at_level("DEBUG"), pytest.raises(BadInput) as caught:
        graded_all(server, store, concurrency=1)
    assert KEY not in repr(judge(server)) + str(caught.value) + caplog.text
    for file in store.path.parent.iterdir():
        if file.is_file():
            assert KEY.encode() not in file.read_bytes()


@pytest.mark.parametrize("key", ["", "  ", "schlüssel"])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(BadInput, match="needs a key"):
        Judge(model="gpt-4o", key=key)


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


def test_means_and_intervals_are_over_openings() -> None:
    def one(opening: int, grammar: float) -> Graded:
        return Graded(
            item=ITEMS[2 * opening],
            outcome=Grade(
                grammar=grammar, creativity=5.0, consistency=5.0, plot=5.0, age_group="B"
            ),
            assessment="",
            cost=0.5,
        )

    found = summary([one(0, 2.0), one(0, 4.0), one(1, 9.0), one(2, 9.0)])
    assert found.means["grammar"].mean == 6.0
    assert found.means["grammar"].interval is not None
    low, high = found.means["grammar"].interval
    assert low == 3.0 and high == 9.0  # all draws from opening 0, or none
    assert found.means["plot"].interval == (5.0, 5.0)
    assert (found.ages, found.spent) == ({"B": 4}, 2.0)
    assert summary([one(0, 2.0)]).means["grammar"].interval is None
