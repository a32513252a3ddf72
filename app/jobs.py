"""Start, watch and stop work that outlives a page. Knows processes and threads, no streamlit.

A training is a process of its own in a session of its own: it goes on when the browser is closed
and when the app ends, and a later app finds it again by the run's lock. One trains at a time.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slm.errors import BadInput
from slm.runs import Run, check_name, list_runs, open_run, runs_dir

_LOCK = threading.Lock()
_STARTED: dict[str, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to train: `shape` is a preset's name or `64x8x4`; the budget is minutes or tokens."""

    shape: str
    vocabulary: int
    corpus: str
    minutes: float | None = None
    tokens: int | None = None

    def arguments(self) -> list[str]:
        """As the command line takes them."""
        budget = (
            ["--tokens", str(self.tokens)]
            if self.minutes is None
            else ["--minutes", str(self.minutes)]
        )
        shape = ["--shape", self.shape, "--vocab", str(self.vocabulary)]
        return ["--corpus", self.corpus, *shape, *budget]


def train(name: str, arguments: Sequence[str]) -> None:
    """Start `python -m slm train --name NAME …`.

    Raises `BadInput` where one is running already, or for a name that no run can have.
    """
    check_name(name)
    with _LOCK:
        if (busy := _training()) is not None:
            raise BadInput(f"one run trains at a time, and {busy!r} is training: stop it or wait")
        _STARTED.pop(name, None)
        log = log_path(name)
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "slm", "train", "--name", name, *arguments]
        with log.open("wb") as out:
            _STARTED[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def training() -> str | None:
    """The name of the run that is being trained now, by this app or anyone."""
    with _LOCK:
        return _training()


def _training() -> str | None:
    for name, process in _STARTED.items():
        if process.poll() is None:
            return name
    return next((run.name for run in list_runs() if _trains(run)), None)


def _trains(run: Run) -> bool:
    try:
        return run.status == "training"
    except BadInput:  # its run.json is damaged: whatever it is, it does not train
        return False


def stop(name: str) -> None:
    """Ask a training to save and end (SIGTERM)."""
    with _LOCK:
        process = _STARTED.get(name)
    if process is not None and process.poll() is None:
        process.terminate()
        return
    run = open_run(name)
    if (pid := run.info.pid) is not None and run.is_held():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def started() -> list[str]:
    """Names that this app has started, the newest last."""
    with _LOCK:
        return list(_STARTED)


def failed(name: str) -> bool:
    """Whether the training that this app started last under `name` ended badly."""
    with _LOCK:
        process = _STARTED.get(name)
    return process is not None and process.poll() not in (None, 0)


def log_path(name: str) -> Path:
    """Where a training that the app started writes what it says."""
    return Run(runs_dir() / check_name(name)).path / "train.log"


def last_lines(name: str, count: int = 8) -> str:
    """The end of what a training said; empty where it said nothing."""
    try:
        with log_path(name).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 8192))
            said = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return "\n".join(line.rstrip() for line in said.splitlines()[-count:])
