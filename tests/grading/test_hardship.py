"""Grading in hard times: retries, refusals, kills and crowds; the cap and the key hold in all."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from slm.errors import BadInput
from slm.grading.grading import grade, grading_bill, stored
from slm.grading.items import Item
from slm.grading.protocol import Grade, Ungraded
from slm.grading.scores import summary
from slm.grading.store import GradeStore
from slm.llm.budget import CapReached
from slm.llm.judge import Judge, Unavailable
from slm.llm.prices import prices
from tests.llm.server import USAGE, Answer, JudgeServer, refuses, says, serving

MODEL = "gpt-4o"
KEY = "sk-test-7f3a9c-never-to-be-seen"


def things(count: int, openings: int = 3) -> list[Item]:
    return [
        Item(
            address="tiny@0",
            opening=f"Once there was a number {index % openings} who had a",
            completion=f" friend called {index}. They played all day.",
            opening_index=index % openings,
            completion_index=index // openings,
        )
        for index in range(count)
    ]


def asking(server: JudgeServer, **changes: Any) -> Judge:
    settings: dict[str, Any] = {"model": MODEL, "timeout": 5.0, "first_wait": 0.01, "patience": 5.0}
    return Judge(base_url=server.url, key=KEY, **{**settings, **changes})


@pytest.fixture
def store(tmp_path: Path) -> GradeStore:
    return GradeStore(tmp_path / "run" / "grades.sqlite")


def test_every_item_is_graded_in_two_turns_and_never_asked_about_again(store: GradeStore) -> None:
    with serving() as server:
        graded = list(grade(things(6), asking(server), store))
        assert len(graded) == 6
        assert all(isinstance(one.outcome, Grade) and one.assessment for one in graded)
        assert len(server.asked) == 12
        again = list(grade(things(6), asking(server), store))
        assert len(server.asked) == 12
    by_text = {one.item.completion: one for one in graded}
    assert all(by_text[one.item.completion] == one for one in again)
    assert len(stored(store, "tiny@0")) == 6
    assert stored(store, "other@0") == []


def test_the_bill_is_what_the_server_counted(store: GradeStore) -> None:
    with serving() as server:
        graded = list(grade(things(2), asking(server), store))
    price = prices()[MODEL]
    each = 2 * price.of(USAGE["prompt_tokens"], USAGE["completion_tokens"])
    assert summary(graded).spent == pytest.approx(2 * each)


def test_the_same_text_twice_is_bought_once_and_graded_twice(store: GradeStore) -> None:
    with serving() as server:
        graded = list(grade(things(1) * 3, asking(server), store))
        assert len(graded) == 3
        assert len(server.asked) == 2


@pytest.mark.parametrize(
    "trouble",
    [
        refuses(500),
        refuses(503),
        refuses(429),
        says("too late", after=1.5),
        says("broken", cut=True),
        Answer(body="<html>half a proxy"),
    ],
    ids=["500", "503", "429", "slow", "half a body", "not JSON"],
)
def test_trouble_that_passes_costs_no_grade(store: GradeStore, trouble: Answer) -> None:
    with serving(lambda number, _: trouble if number in (0, 3) else None) as server:
        graded = list(grade(things(3), asking(server, timeout=1.0), store, concurrency=1))
        assert [isinstance(one.outcome, Grade) for one in graded] == [True] * 3
        assert len(server.asked) == 3 * 2 + 2


def test_the_servers_own_waiting_time_is_respected(store: GradeStore) -> None:
    seen: list[float] = []

    def script(number: int, _: dict[str, Any]) -> Answer | None:
        seen.append(time.monotonic())
        return refuses(429, retry_after="1") if number == 0 else None

    with serving(script) as server:
        assert len(list(grade(things(1), asking(server), store))) == 1
    assert seen[1] - seen[0] >= 1


def test_a_server_that_asks_for_too_long_a_wait_is_left_at_once(store: GradeStore) -> None:
    with (
        serving(lambda *_: refuses(429, retry_after="3600")) as server,
        pytest.raises(Unavailable, match="429: no, tried once, and asks to wait 3600 s"),
    ):
        list(grade(things(1), asking(server), store))
    assert len(server.asked) == 1


def test_a_server_that_stays_broken_is_given_up_after_a_few_tries(store: GradeStore) -> None:
    with (
        serving(lambda *_: refuses(500)) as server,
        pytest.raises(Unavailable, match="answered 500: no, tried 3 times"),
    ):
        list(grade(things(1), asking(server, tries=3), store))
    assert len(server.asked) == 3


def test_a_server_that_is_not_there_is_said_in_one_line(store: GradeStore) -> None:
    with serving() as server:
        judge = asking(server, tries=2)
    with pytest.raises(Unavailable, match="cannot be reached"):
        list(grade(things(1), judge, store))


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (refuses(401, f"wrong key {KEY}"), "refused the key \\(401\\)"),
        (refuses(403), "refused the key \\(403\\)"),
        (refuses(404), "has no model 'gpt-4o', or no such path .404.: no"),
        (refuses(413, f"not that way, says {KEY}"), "refused the request \\(413\\): not that way"),
    ],
)
def test_what_no_waiting_mends_stops_at_once(store: GradeStore, answer: Answer, line: str) -> None:
    with serving(lambda *_: answer) as server, pytest.raises(BadInput, match=line) as caught:
        list(grade(things(5), asking(server), store, concurrency=1))
    assert len(server.asked) == 1
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_prose_instead_of_grades_is_ungraded_and_kept_and_not_asked_again(
    store: GradeStore,
) -> None:
    def script(_: int, request: dict[str, Any]) -> Answer | None:
        return says("I'd say an 8.") if len(request["messages"]) > 1 else None

    with serving(script) as server:
        (one,) = grade(things(1), asking(server), store)
        assert isinstance(one.outcome, Ungraded)
        assert one.outcome.reply == "I'd say an 8."
        assert len(server.asked) == 3, "it is asked for once more, with what was wrong"
        assert "there are no grades in the reply" in str(server.asked[2]["messages"][-1])
        list(grade(things(1), asking(server), store))
        assert len(server.asked) == 3
    result = summary([one])
    assert (result.graded, result.ungraded, result.means) == (0, 1, {})


@pytest.mark.parametrize("body", ["{}", "[]", '{"choices": [{}]}', '{"choices": 3, "usage": 4}'])
def test_a_body_without_an_assessment_is_ungraded_and_asked_once(
    store: GradeStore, body: str
) -> None:
    with serving(lambda *_: Answer(body=body)) as server:
        (one,) = grade(things(1), asking(server), store)
        (again,) = grade(things(1), asking(server), store)
        assert len(server.asked) == 1
    assert one == again
    assert isinstance(one.outcome, Ungraded)


def test_a_server_without_structured_output_is_asked_for_it_only_once(store: GradeStore) -> None:
    def script(_: int, request: dict[str, Any]) -> Answer | None:
        return refuses(400, "unknown field") if "response_format" in request else None

    with serving(script) as server:
        graded = list(grade(things(3), asking(server), store, concurrency=1))
        assert all(isinstance(one.outcome, Grade) for one in graded)
        assert sum("response_format" in call for call in server.asked) == 1


def test_a_server_that_wants_another_name_for_max_tokens_gets_it(store: GradeStore) -> None:
    def script(_: int, request: dict[str, Any]) -> Answer | None:
        return refuses(400, "use not 'max_tokens'") if "max_tokens" in request else None

    with serving(script) as server:
        (one,) = grade(things(1), asking(server), store)
        assert isinstance(one.outcome, Grade)
        assert all("max_tokens" in c or "max_completion_tokens" in c for c in server.asked)


def test_the_cap_is_never_passed_and_what_was_paid_is_kept(store: GradeStore) -> None:
    price = prices()[MODEL]
    cap = 0.03
    each = price.of(USAGE["prompt_tokens"], USAGE["completion_tokens"])
    with serving() as server:
        with pytest.raises(CapReached, match=r"cap of \$0.03"):
            list(grade(things(200), asking(server), store, max_cost=cap, concurrency=8))
        paid = len(server.asked) * each
        assert 0.7 * cap < paid <= cap
        before = len(server.asked)
        list(grade(things(200)[: before // 4], asking(server), store, max_cost=cap))
    assert summary(stored(store, "tiny@0")).spent == pytest.approx(
        sum(row.cost or 0 for row in store.conversations() if row.finished)
    )
    assert sum(row.cost or 0 for row in store.conversations()) >= paid - 1e-9


def test_a_call_that_may_have_been_paid_counts_against_the_cap(store: GradeStore) -> None:
    with serving(lambda *_: says("lost", cut=True)) as server, pytest.raises(CapReached):
        list(grade(things(1), asking(server), store, max_cost=0.012, concurrency=1))
    assert 1 <= len(server.asked) < 6  # each may cost half a cent


def test_an_unknown_price_cannot_be_capped(store: GradeStore) -> None:
    with serving() as server:
        judge = asking(server, model="somebody's own")
        assert grading_bill(things(2), judge.model).cost is None
        with pytest.raises(BadInput, match=r"price of .somebody's own. is unknown"):
            list(grade(things(1), judge, store, max_cost=1.0))
        assert server.asked == []
        (one,) = grade(things(1), judge, store)
        assert one.cost is None
        assert summary([one]).spent is None


def test_closing_the_generator_keeps_what_was_under_way(store: GradeStore) -> None:
    def script(_: int, request: dict[str, Any]) -> Answer:
        return says("words", after=0.2)

    with serving(script) as server:
        running = grade(things(40), asking(server), store, concurrency=4)
        next(running)
        running.close()
        sent = len(server.asked)
        kept = sum(len(row.replies) for row in store.conversations())
        assert kept == sent
        time.sleep(0.3)
        assert len(server.asked) == sent < 80


def test_two_threads_at_once_buy_everything_once(store: GradeStore) -> None:
    counts: list[int] = []
    with serving() as server:

        def work() -> None:
            counts.append(len(list(grade(things(8), asking(server), store))))

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert counts == [8, 8]
        assert len(server.asked) == 16


def test_the_key_is_written_nowhere(
    store: GradeStore, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    with serving() as server:
        judge = asking(server)
        list(grade(things(2), judge, store))
    assert KEY not in repr(judge) + str(vars(judge)) + caplog.text + "".join(capfd.readouterr())
    for path in store.path.parent.iterdir():
        assert KEY.encode() not in path.read_bytes()
