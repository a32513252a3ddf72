"""Who holds a run, and which process a number means: asked without taking, writing or guessing."""

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from slm.cli import main
from slm.errors import BadInput
from slm.locks import LockHeld, hold_lock, is_locked
from slm.runs import Checkpoint, Run, list_runs
from slm.training import queue
from tests.conftest import begin

ASKS = """
import sys
from pathlib import Path
from slm.locks import is_locked
print("asking", flush=True)
while True:
    is_locked(Path(sys.argv[1]))
"""


def test_who_asks_without_pause_keeps_nobody_from_working(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    asking = [begin(ASKS, lock) for _ in range(2)]
    try:
        for _ in range(500):
            with hold_lock(lock):
                pass
    finally:
        for process in asking:
            process.kill()
            process.wait()


def test_thirty_that_ask_at_once_keep_nobody_from_working(tmp_path: Path) -> None:
    lock, ended = tmp_path / ".lock", threading.Event()

    def ask() -> None:
        while not ended.is_set():
            is_locked(lock)

    asking = [threading.Thread(target=ask) for _ in range(30)]
    for thread in asking:
        thread.start()
    try:
        for _ in range(200):
            with hold_lock(lock):
                assert is_locked(lock)
    finally:
        ended.set()
        for thread in asking:
            thread.join()
    assert not is_locked(lock)


def test_a_lock_is_held_once_and_waited_for_where_that_is_asked(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    with hold_lock(lock):
        with pytest.raises(LockHeld), hold_lock(lock):
            pass
        with pytest.raises(LockHeld), hold_lock(lock, wait=0.1):
            pass
        assert is_locked(lock), "who was refused has freed it"
    with hold_lock(lock, wait=0.1):
        pass


def test_asking_makes_no_file(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / ".lock") and list(tmp_path.iterdir()) == []


@pytest.fixture
def read_only(checkpoint: Checkpoint, runs: Path) -> Iterator[Path]:
    """The runs' folder, which nobody can write to, with an interrupted run in it."""
    Run(runs / "tiny").update(status="training")
    for command in (["--bind", str(runs), str(runs)], ["-o", "remount,ro,bind", str(runs)]):
        if subprocess.run(["mount", *command], capture_output=True, check=False).returncode:
            pytest.skip("mounting a folder read-only is not permitted here")
    yield runs
    subprocess.run(["umount", "--lazy", str(runs)], check=True)


def test_a_run_in_a_folder_that_cannot_be_written_is_shown_as_it_is(
    read_only: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [run.status for run in list_runs()] == ["interrupted"]
    assert main(["runs"]) == 0 and "interrupted" in capsys.readouterr().out
    assert main(["queue", "list"]) == 0
    assert queue.training() == [] and queue.damage() == []


def test_a_run_that_trains_in_a_folder_that_cannot_be_written_here_is_seen_to(
    holder: subprocess.Popen[str], read_only: Path
) -> None:
    assert [run.status for run in list_runs()] == ["training"]
    assert queue.training() == ["tiny"]


def test_what_a_kill_left_half_written_is_swept_when_the_run_is_held_again(
    checkpoint: Checkpoint, runs: Path
) -> None:
    run = Run(runs / "tiny")
    left = [
        run.path / ".run.json.abc12345.part",
        run.path / "checkpoints" / ".00000010.safetensors.abc12345.part",
        run.path / ".resume.safetensors.abc12345.part",
    ]
    others = [
        run.path / ".verdicts.json.abc12345.part",
        run.measured_path("heads", 0).with_name(".x.part"),
    ]
    others[1].parent.mkdir()
    (run.path / "neurons" / ".00000010.part").mkdir(parents=True)
    for path in left + others:
        path.write_text("half")
    with run.held():
        assert not any(path.exists() for path in left)
        assert all(path.exists() for path in others), "somebody may be writing them"
    for path in others:
        os.utime(path, (0, 0))
    with run.held():
        assert not any(path.exists() for path in others)
    assert (run.path / "neurons" / ".00000010.part").is_dir(), "an index that goes on"
    assert run.steps == [0]


def test_a_held_run_is_not_swept(holder: subprocess.Popen[str], runs: Path) -> None:
    left = runs / "tiny" / ".run.json.abc12345.part"
    left.write_text("half")
    with (
        pytest.raises(BadInput, match="is being trained by another process"),
        Run(runs / "tiny").held(),
    ):
        pass
    assert left.exists()
