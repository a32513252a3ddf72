"""Work in a thread tells how far it is, its result, its error; and stops when told to."""

import subprocess
import sys
import threading
import time
from collections.abc import Generator

import pytest

from app.jobs.work import Work
from slm.errors import BadInput
from slm.progress import Progress


def step(share: float, doing: str = "counting") -> Progress:
    return Progress(doing=doing, share=share)


def test_work_is_done_to_its_end_and_its_result_kept() -> None:
    def steps() -> Generator[Progress, None, str]:
        yield step(0.5)
        return "found"

    work = Work(steps())
    work.wait(30)
    assert (work.result, work.progress, work.running, work.error) == ("found", step(0.5), False, "")


def test_work_that_is_to_be_begun_waits_for_that() -> None:
    def steps() -> Generator[Progress, None, str]:
        yield step(0.5)
        return "found"

    work = Work(steps(), begin=False)
    work.wait(30)
    assert not work.begun and not work.running and work.result is None
    work.begin()
    work.begin()  # a second time means nothing
    work.wait(30)
    assert work.begun and work.result == "found"


class Paced:
    """Steps that a test lets come one by one, and whether they were closed."""

    def __init__(self, *steps: Progress) -> None:
        self._steps, self.told, self.closed = steps, 0, False
        self._come, self._go = threading.Semaphore(0), threading.Semaphore(0)

    def steps(self) -> Generator[Progress, None, str]:
        try:
            for one in self._steps:
                self.told += 1
                yield one
                self._come.release()
                assert self._go.acquire(timeout=30)
        except GeneratorExit:
            self.closed = True
            raise
        return "found"

    def reach_next(self) -> None:
        assert self._come.acquire(timeout=30)

    def let_go(self) -> None:
        self._go.release()


def test_what_is_cancelled_goes_no_further_and_may_keep_what_it_has() -> None:
    paced = Paced(step(0.0), step(0.25), step(0.5))
    work = Work(paced.steps())
    paced.reach_next()
    work.cancel()
    paced.let_go()
    work.wait(30)
    assert not work.running and work.cancelled and work.result is None
    assert paced.told == 2 and paced.closed


def test_a_pause_holds_work_between_two_steps_until_it_goes_on_or_is_cancelled() -> None:
    paced = Paced(step(0.0), step(0.5), step(0.75))
    work = Work(paced.steps())
    paced.reach_next()
    work.pause()
    paced.let_go()
    time.sleep(0.3)  # the step under way comes to its end
    assert work.paused and work.running and paced.told <= 2
    told = paced.told
    time.sleep(0.2)
    assert paced.told == told and work.seconds_left is None
    work.go_on()
    paced.reach_next()
    assert not work.paused
    work.pause()
    work.cancel()
    paced.let_go()
    work.wait(30)
    assert not work.running and not work.paused and paced.closed


def test_how_long_it_takes_is_told_from_what_is_done_since_the_clock_began() -> None:
    paced = Paced(step(0.4, "going on"), step(0.7), step(0.0, "other work"), step(0.5))
    work = Work(paced.steps())
    left = []
    for _ in range(4):
        paced.reach_next()
        left.append(work.seconds_left)
        paced.let_go()
    work.wait(30)
    assert left[0] is None and left[2] is None  # nothing is done of either yet
    assert left[1] is not None and left[1] >= 0 and left[3] is not None
    assert work.result == "found"


def test_bad_input_is_told_in_its_own_words() -> None:
    def steps() -> Generator[Progress, None, str]:
        yield step(0.0)
        raise BadInput("a rule,\nand what broke it")

    work = Work(steps())
    work.wait(30)
    assert work.error == "a rule, and what broke it" and work.result is None


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_after_one_step_nobody_knows_how_long_it_takes(share: float) -> None:
    paced = Paced(step(share))
    work = Work(paced.steps())
    paced.reach_next()
    assert work.seconds_left is None
    paced.let_go()
    work.wait(30)


WORKING = """
import sys, threading, time
import torch
from app.jobs.work import Work
from slm.progress import Progress, ProgressCallback, run_in_thread

def learn():
    a = torch.randn(300, 300, requires_grad=True)
    (a @ a).tanh().sum().backward()

def steps():
    try:
        while True:
            learn()
            yield Progress(doing="learning", share=None)
    finally:
        print("kept", flush=True)

def told(tell):
    while True:
        learn()
        tell("learning", None)

works = [Work(steps()), Work(run_in_thread(told))]
while not all(work.progress.doing == "learning" for work in works):
    time.sleep(0.01)
"""


def test_a_program_that_ends_while_work_goes_on_ends_it_in_order() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WORKING], capture_output=True, text=True, timeout=300
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "kept\n", "")


class Panic(BaseException):
    """What a library in Rust raises: no `Exception`."""


@pytest.mark.parametrize("error", [KeyError("loss"), Panic("a\nb")])
def test_work_that_ends_by_an_error_of_ours_says_so_in_one_line(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    def steps() -> Generator[Progress, None, str]:
        yield step(0.5)
        raise error

    work = Work(steps())
    work.wait(30)
    assert not work.running and work.result is None
    assert type(error).__name__ in work.error and "\n" not in work.error
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == [error]
