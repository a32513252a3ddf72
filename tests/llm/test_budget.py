"""The cap is never passed: the worst case of a call is reserved before it is sent, and its cost booked."""

import threading
from pathlib import Path

import pytest

from slm.errors import BadInput
from slm.llm.budget import Budget, CapReached
from slm.llm.judge import ANSWER_TOKENS, Judge, worst_tokens
from slm.llm.prices import Price, save_prices

MESSAGES = [{"role": "user", "content": "x" * 984}]
"""1,000 bytes with the 16 that frame them."""
WORST = (1000 * 1.0 + ANSWER_TOKENS * 10.0) / 1e6
"""US dollars at 1 a million tokens read and 10 written."""


@pytest.fixture
def judge(runs: Path) -> Judge:
    save_prices({"mine": Price(input=1.0, output=10.0)})
    return Judge(model="mine", key="sk-x")


def test_the_worst_case_counts_every_byte_every_message_and_the_schema_that_is_sent() -> None:
    assert worst_tokens(MESSAGES, None) == 1000
    assert worst_tokens([*MESSAGES, {"role": "user", "content": "é"}], None) == 1000 + 2 + 16
    assert worst_tokens(MESSAGES, {"a": "b"}) == 1000 + len('{"a": "b"}')


def test_a_call_whose_worst_case_is_the_cap_is_let_go_and_one_above_it_never(judge: Judge) -> None:
    assert Budget(judge, WORST).reserve(MESSAGES, None, ANSWER_TOKENS) == pytest.approx(WORST)
    with pytest.raises(CapReached, match=r"could pass the cap of \$0.004999 \(\$0.0000 spent\)"):
        Budget(judge, WORST - 1e-6).reserve(MESSAGES, None, ANSWER_TOKENS)
    with pytest.raises(CapReached):
        Budget(judge, WORST).reserve(MESSAGES, {"a": "schema"}, ANSWER_TOKENS)
    with pytest.raises(CapReached):
        Budget(judge, WORST).reserve(MESSAGES, None, ANSWER_TOKENS + 1)


def test_what_was_spent_counts_and_what_was_reserved_beyond_it_does_not(judge: Judge) -> None:
    budget = Budget(judge, 2 * WORST)
    for _ in range(5):  # five calls that cost a fifth of their worst case
        budget.book(budget.reserve(MESSAGES, None, ANSWER_TOKENS), WORST / 5)
    assert budget.reserve(MESSAGES, None, ANSWER_TOKENS) == pytest.approx(WORST)
    budget.book(WORST, WORST / 5)
    with pytest.raises(CapReached, match=r"\(\$0.0060 spent\)"):
        budget.reserve(MESSAGES, None, ANSWER_TOKENS)


def test_a_call_waits_for_the_room_of_those_under_way_and_takes_it_when_they_are_booked(
    judge: Judge,
) -> None:
    budget, took = Budget(judge, 1.5 * WORST), threading.Event()
    reserved = budget.reserve(MESSAGES, None, ANSWER_TOKENS)

    def wait_for_room() -> None:
        budget.reserve(MESSAGES, None, ANSWER_TOKENS)
        took.set()

    waiting = threading.Thread(target=wait_for_room)
    waiting.start()
    assert not took.wait(0.2)
    budget.book(reserved, WORST / 4)
    assert took.wait(10)
    waiting.join()


def test_who_waits_learns_that_there_will_never_be_room(judge: Judge) -> None:
    budget, said = Budget(judge, 1.5 * WORST), list[str]()
    reserved = budget.reserve(MESSAGES, None, ANSWER_TOKENS)

    def wait_for_room() -> None:
        try:
            budget.reserve(MESSAGES, None, ANSWER_TOKENS)
        except CapReached as error:
            said.append(str(error))

    waiting = threading.Thread(target=wait_for_room)
    waiting.start()
    budget.book(reserved, WORST)
    waiting.join(10)
    assert len(said) == 1


def test_rounding_leaves_no_room_reserved_for_nobody(judge: Judge) -> None:
    budget = Budget(judge, 7.5 * WORST)
    for cost in [budget.reserve(MESSAGES, None, ANSWER_TOKENS) for _ in range(7)]:
        budget.book(cost, WORST)
    with pytest.raises(CapReached):  # at once: nothing is under way that could make room
        budget.reserve(MESSAGES, None, ANSWER_TOKENS)


def test_without_a_cap_nothing_is_reserved_and_an_unknown_price_has_none(judge: Judge) -> None:
    assert Budget(judge, None).reserve(MESSAGES, None, ANSWER_TOKENS) == 0.0
    unknown = Judge(model="somebody's own", key="sk-x")
    assert Budget(unknown, None).reserve(MESSAGES, None, ANSWER_TOKENS) == 0.0
    with pytest.raises(BadInput, match=r"price of .somebody's own. is unknown"):
        Budget(unknown, 1.0)


def test_a_price_that_is_edited_meanwhile_is_the_next_works(judge: Judge) -> None:
    budget = Budget(judge, WORST)
    save_prices({"mine": Price(input=100.0, output=100.0)})
    assert budget.reserve(MESSAGES, None, ANSWER_TOKENS) == pytest.approx(WORST)
    with pytest.raises(CapReached):
        Budget(judge, WORST).reserve(MESSAGES, None, ANSWER_TOKENS)


def test_a_free_judge_keeps_to_a_cap_of_nothing(runs: Path) -> None:
    save_prices({"mine": Price(input=0.0, output=0.0)})
    budget = Budget(Judge(model="mine", key="sk-x"), 0.0)
    for _ in range(3):
        budget.book(budget.reserve(MESSAGES, None, ANSWER_TOKENS), 0.0)
