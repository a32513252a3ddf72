"""Trainings wait for each other, and what is asked for outlives whoever asked."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from slm.cli import main
from slm.errors import BadInput
from slm.recipe import Recipe
from slm.runs import Checkpoint, Run, open_run
from slm.training import queue
from slm.training.options import parse
from slm.training.spec import ResumeSpec, TrainingSpec


def wait_for(condition: Callable[[], bool], seconds: float = 90) -> None:
    """Wait until `condition` holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.1)


def tiny(name: str, corpus: Path, tokens: str) -> TrainingSpec | ResumeSpec:
    """A training of a tiny model."""
    return parse(name, how(corpus, tokens))


def how(corpus: Path, tokens: str) -> list[str]:
    """Train a tiny model."""
    shape = ["--shape", "16x1x2", "--vocab", "512", "--context", "32"]
    return ["--corpus", str(corpus), *shape, "--tokens", tokens]


def test_one_trains_while_others_wait_and_each_has_its_turn(corpus: Path, runs: Path) -> None:
    queue.add(tiny("first", corpus, "1B"))
    try:
        assert main(["queue", "add", "second", *how(corpus, "1k")]) == 0
        queue.add(tiny("third", corpus, "1k"))
        wait_for(lambda: (Run(runs / "first").last_step or 0) >= 4)
        assert queue.training() == ["first"]
        assert [one.name for one in queue.waiting()] == ["second", "third"]
        with pytest.raises(BadInput, match="'second' is waiting already"):
            queue.add(parse("second", []))
        with pytest.raises(BadInput, match="'first' is being trained already"):
            queue.add(parse("first", []))
        queue.stop("third")
    finally:
        queue.stop("first")
    wait_for(lambda: not queue.waiting() and not queue.training())
    assert open_run("first").status == "stopped" and queue.exit_code("first") == 0
    wait_for(lambda: queue.exit_code("second") == 0)
    assert open_run("second").status == "finished"
    assert not (runs / "third").exists()


def test_a_training_outlives_the_worker_and_is_still_found(corpus: Path, runs: Path) -> None:
    queue.add(tiny("lasting", corpus, "1B"))
    try:
        wait_for(lambda: (Run(runs / "lasting").last_step or 0) >= 2)
        (worker,) = [pid for pid in children() if "slm.training.queue" in command(pid)]
        os.kill(worker, signal.SIGKILL)
        time.sleep(0.3)
        assert queue.training() == ["lasting"]
    finally:
        queue.stop("lasting")
    wait_for(lambda: queue.training() == [])
    assert open_run("lasting").status == "stopped"


def test_a_training_that_cannot_begin_leaves_its_last_words(runs: Path) -> None:
    queue.add(parse("lost", ["--corpus", "no/such.txt"]))
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


@pytest.mark.parametrize(("code", "bad"), [(0, False), (-15, False), (1, True), (-9, True)])
def test_a_training_that_was_killed_ended_badly_and_one_that_was_stopped_did_not(
    code: int, bad: bool, runs: Path
) -> None:
    (runs / "r").mkdir(parents=True)
    (runs / "r" / "train.exit.json").write_text(f'{{"exit_code": {code}}}')
    assert queue.failed("r") is bad
    assert queue.log_tail("never") == "" and not queue.failed("never")


def test_a_new_training_of_a_run_that_is_there_is_refused_when_it_is_added(
    checkpoint: Checkpoint, runs: Path
) -> None:
    name = checkpoint.address.run
    with pytest.raises(BadInput, match=f"there is a run '{name}' already"):
        queue.add(parse(name, []))
    assert queue.waiting() == []


@pytest.fixture
def nobody_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "start_worker", lambda: None)


def test_a_specification_waits_as_it_was_added(nobody_works: None, runs: Path) -> None:
    added = [
        parse("a", ["--shape", "paper-1M", "--recipe", "paper", "--minutes", "2.5"]),
        TrainingSpec(name="b", parent="other@5", recipe=Recipe(muon_lr=0.5, seed=2**64 - 1)),
        ResumeSpec(name="c", corpus="elsewhere.txt", device="cpu"),
    ]
    for spec in added:
        queue.add(spec)
    assert [entry.spec for entry in queue.waiting()] == added


def test_an_entry_of_before_there_were_specifications_is_read(runs: Path) -> None:
    (runs / ".queue").mkdir(parents=True)
    arguments = ["--corpus", "nursery", "--shape", "16x1x2", "--vocab", "512", "--minutes", "1.5"]
    for number, old in enumerate(
        ({"name": "old", "arguments": arguments}, {"name": "wrong", "arguments": ["--shape", "x"]})
    ):
        (runs / ".queue" / f"{number}.json").write_text(json.dumps(old))
    (entry,) = queue.waiting()
    assert entry.spec == parse("old", arguments)
    (damage,) = queue.damage()
    assert "1.json: a shape is d_model" in damage


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
