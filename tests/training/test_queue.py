"""Trainings wait for each other, and what is asked for outlives whoever asked."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from slm.cli import main
from slm.errors import BadInput
from slm.runs import Run, open_run
from slm.training import queue


def wait_for(condition: Callable[[], bool], seconds: float = 90) -> None:
    """Wait until `condition` holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.1)


def how(corpus: Path, tokens: str) -> list[str]:
    """Train a tiny model."""
    shape = ["--shape", "16x1x2", "--vocab", "512", "--context", "32"]
    return ["--corpus", str(corpus), *shape, "--tokens", tokens]


def test_one_trains_while_others_wait_and_each_has_its_turn(corpus: Path, runs: Path) -> None:
    queue.add("first", how(corpus, "1B"))
    try:
        assert main(["queue", "add", "second", *how(corpus, "1k")]) == 0
        queue.add("third", how(corpus, "1k"))
        wait_for(lambda: (Run(runs / "first").last_step or 0) >= 4)
        assert queue.training() == ["first"]
        assert [one.name for one in queue.waiting()] == ["second", "third"]
        with pytest.raises(BadInput, match="'second' is waiting already"):
            queue.add("second", [])
        with pytest.raises(BadInput, match="'first' is being trained already"):
            queue.add("first", [])
        queue.stop("third")
    finally:
        queue.stop("first")
    wait_for(lambda: not queue.waiting() and not queue.training())
    assert open_run("first").status == "stopped" and queue.exit_code("first") == 0
    wait_for(lambda: queue.exit_code("second") == 0)
    assert open_run("second").status == "finished"
    assert not (runs / "third").exists()


def test_a_training_outlives_the_worker_and_is_still_found(corpus: Path, runs: Path) -> None:
    queue.add("lasting", how(corpus, "1B"))
    try:
        wait_for(lambda: (Run(runs / "lasting").last_step or 0) >= 2)
        (worker,) = [pid for pid in children() if "queue" in command(pid)]
        os.kill(worker, signal.SIGKILL)
        time.sleep(0.3)
        assert queue.training() == ["lasting"]
    finally:
        queue.stop("lasting")
    wait_for(lambda: queue.training() == [])
    assert open_run("lasting").status == "stopped"


def test_a_training_that_cannot_begin_leaves_its_last_words(runs: Path) -> None:
    queue.add("lost", ["--corpus", "no/such.txt"])
    wait_for(lambda: queue.exit_code("lost") is not None)
    assert queue.exit_code("lost") == 2
    assert "no/such.txt'" in queue.log_path("lost").read_text()
    assert queue.asked_for() == ["lost"]


def test_what_is_wrong_is_said_when_it_is_added(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["queue", "add", "bad", "--shape", "64x2x5"]) == 2
    assert "n_heads must divide d_model" in capsys.readouterr().err
    assert main(["queue", "add", "a/b"]) == 2
    assert main(["queue", "stop", "nobody"]) == 2
    assert "neither trains nor waits" in capsys.readouterr().err
    assert queue.waiting() == []


def children() -> list[int]:
    """Processes whose environment names these runs."""
    runs = os.environ["SLM_RUNS"].encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if b"SLM_RUNS=" + runs in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def command(pid: int) -> list[str]:
    """The words that started a process."""
    return (Path("/proc") / str(pid) / "cmdline").read_text().split("\0")
