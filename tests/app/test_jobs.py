"""A training started from a page is a process of its own that can be watched and stopped."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app import jobs
from slm.errors import BadInput
from slm.runs import Run, list_runs, open_run


def wait_for(condition: Callable[[], bool], seconds: float = 90) -> None:
    """Wait until `condition` holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.1)


def plan(corpus: Path) -> list[str]:
    """A training that would take very long."""
    small = jobs.Plan(shape="16x1x2", vocabulary=512, corpus=str(corpus), tokens=10**9)
    return [*small.arguments(), "--context", "32"]


def reached(runs: Path, name: str, step: int) -> bool:
    """Whether a run has come to `step`."""
    run = Run(runs / name)
    return (run.path / "run.json").exists() and (run.last_step or 0) >= step


def test_a_training_runs_alone_until_it_is_stopped_and_can_go_on(corpus: Path, runs: Path) -> None:
    jobs.train("first", plan(corpus))
    try:
        assert jobs.training() == "first"
        with pytest.raises(BadInput, match="one run trains at a time, and 'first' is training"):
            jobs.train("second", plan(corpus))
        assert not (runs / "second").exists()
        wait_for(lambda: reached(runs, "first", 4))
    finally:
        jobs.stop("first")
        wait_for(lambda: jobs.training() is None)
    assert open_run("first").status == "stopped" and not jobs.failed("first")
    step = open_run("first").last_step
    jobs.train("first", ["--resume"])
    try:
        wait_for(lambda: open_run("first").last_step != step)
    finally:
        jobs.stop("first")
        wait_for(lambda: jobs.training() is None)


def test_a_training_that_cannot_begin_leaves_its_last_words(runs: Path) -> None:
    small = jobs.Plan(shape="16x1x2", vocabulary=512, corpus="no/such.txt", minutes=1)
    jobs.train("lost", small.arguments())
    wait_for(lambda: jobs.training() is None)
    assert jobs.failed("lost")
    assert "there is no file 'no/such.txt'" in jobs.last_lines("lost")
    assert list_runs() == []


def test_a_bad_name_starts_nothing(runs: Path) -> None:
    with pytest.raises(BadInput, match="a run's name is"):
        jobs.train("a/b", [])
    assert not runs.exists()
