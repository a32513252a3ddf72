"""Work in a thread tells its share, its result, its error; and stops when told to."""

import threading
from collections.abc import Generator

import pytest

from app.sweep import Sweep
from slm.errors import BadInput


def test_work_is_done_to_its_end_and_its_result_kept() -> None:
    def work() -> Generator[float, None, str]:
        yield 0.5
        return "found"

    sweep = Sweep(work)
    sweep.wait(30)
    assert (sweep.result, sweep.done, sweep.running, sweep.error) == ("found", 1.0, False, "")


def test_what_is_stopped_goes_no_further_and_tells_how_long_it_would_have_taken() -> None:
    go_on, there = threading.Event(), threading.Event()
    shares = []

    def work() -> Generator[float, None, str]:
        for share in (0.25, 0.5, 0.75):
            shares.append(share)
            yield share
            there.set()
            go_on.wait(30)
        return "found"

    sweep = Sweep(work)
    assert there.wait(30)
    left = sweep.seconds_left
    assert sweep.running and sweep.done == 0.25 and left is not None and left > 0
    sweep.cancel()
    go_on.set()
    sweep.wait(30)
    assert not sweep.running and sweep.cancelled and sweep.result is None
    assert len(shares) <= 2


def test_bad_input_is_told_in_its_own_words() -> None:
    def work() -> Generator[float, None, str]:
        yield 0.0
        raise BadInput("a rule, and what broke it")

    sweep = Sweep(work)
    sweep.wait(30)
    assert sweep.error == "a rule, and what broke it" and sweep.result is None


def test_before_anything_is_done_nobody_knows_how_long_it_takes() -> None:
    go_on = threading.Event()

    def work() -> Generator[float, None, str]:
        go_on.wait(30)
        yield 1.0
        return "found"

    sweep = Sweep(work)
    assert sweep.seconds_left is None
    go_on.set()
    sweep.wait(30)
    assert sweep.seconds_left == pytest.approx(0)
