"""Trainings that wait for their turn: one small file each, and one worker that takes them in order.

All of it lies in `runs/.queue/`, so that two browsers, a terminal and an app that was started anew
see the same. A training is a process in a session of its own: it outlives whoever asked for it.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from slm.errors import BadInput
from slm.files import write_text
from slm.locks import LockHeld, hold_lock, is_locked
from slm.processes import Process
from slm.reading import read_json, typed
from slm.runs import Run, check_name, list_runs, runs_dir
from slm.training.job import name_taken
from slm.training.options import parse
from slm.training.process import start_process
from slm.training.spec import ResumeSpec, TrainingSpec, spec_from_json

LINGER = 10.0
"""Seconds a second worker waits for the first: what is added while that one ends is not forgotten."""
LOOK_EVERY = 0.2
_NUMBER = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, kw_only=True)
class _Now:
    """What the worker trains at this moment."""

    name: str
    process: Process


@dataclass(frozen=True, kw_only=True)
class _Ended:
    exit_code: int


@dataclass(frozen=True, kw_only=True)
class QueueEntry:
    """A training that waits for its turn."""

    number: int
    spec: TrainingSpec | ResumeSpec

    @property
    def name(self) -> str:
        """Return the run's name."""
        return self.spec.name


def add(spec: TrainingSpec | ResumeSpec) -> QueueEntry:
    """Put a training at the end of the queue and see to it that a worker runs.

    Raises `BadInput` where a training of that name waits or trains already, and for a new one where there
    is a run of that name.
    """
    name = spec.name
    if name in {one.name for one in waiting()}:
        raise BadInput(f"the training of {name!r} is waiting already")
    if name in training():
        raise BadInput(f"run {name!r} is being trained already")
    if isinstance(spec, TrainingSpec) and Run(runs_dir() / name).exists():
        raise name_taken(name)
    number = max((one.number for one in waiting()), default=int(time.time() * 1000)) + 1
    entry = QueueEntry(number=number, spec=spec)
    write_text(_file(entry), json.dumps(spec.to_json()) + "\n")
    start_worker()
    return entry


def waiting() -> list[QueueEntry]:
    """Return what waits, the next one first; without entries that are damaged (see `damage`)."""
    return [one for one in _entries() if isinstance(one, QueueEntry)]


def damage() -> list[str]:
    """Say what is damaged of the queue, a line an entry."""
    return [
        f"{one}; delete it and queue that training again"
        for one in _entries()
        if isinstance(one, str)
    ]


def _entries() -> Iterator[QueueEntry | str]:
    """Yield every entry in order, or what is wrong with it."""
    for path in sorted(_folder().glob("[0-9]*.json")):
        try:
            if not _NUMBER.fullmatch(path.stem):
                raise BadInput(f"{path} is no number of the queue")
            spec = _read_spec(path)
        except FileNotFoundError:  # it was taken a moment ago
            continue
        except BadInput as error:
            yield str(error)
        else:
            yield QueueEntry(number=int(path.stem), spec=spec)


def _read_spec(path: Path) -> TrainingSpec | ResumeSpec:
    data = read_json(path, dict)
    if "arguments" not in data:
        return spec_from_json(data, str(path))
    old = typed(_OldEntry, data, str(path))
    try:
        return parse(old.name, old.arguments)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None


@dataclass(frozen=True, kw_only=True)
class _OldEntry:
    """What an entry held before there were specifications: a name, and options of `slm train`."""

    name: str
    arguments: tuple[str, ...]


def withdraw(name: str) -> bool:
    """Take a waiting training off the queue; False where none of that name waits."""
    mine = [one for one in waiting() if one.name == name]
    for one in mine:
        _file(one).unlink(missing_ok=True)
    return bool(mine)


def training() -> list[str]:
    """List the runs that train now, whoever started them; the queue's own first."""
    ours = _now()
    held = [run.name for run in list_runs() if run.status == "training"]
    return list(dict.fromkeys([*([ours.name] if ours else []), *held]))


def stop(name: str) -> None:
    """Take `name` off the queue, or ask its training to save and end.

    A file asks it, which a training on another machine or in another container finds, too. SIGTERM
    besides reaches one that has not begun to look, where it certainly is that process.
    """
    if withdraw(name):
        return
    run = Run(runs_dir() / check_name(name))
    ours = _now()
    if ours and ours.name == name:
        process: Process | None = ours.process
    elif run.is_held():
        process = run.info.process
    else:
        return
    run.path.mkdir(parents=True, exist_ok=True)
    run.stop_path.touch()
    if process is not None:
        process.ask_to_end()


def log_path(name: str) -> Path:
    """Return the path of a training's log."""
    return runs_dir() / check_name(name) / "train.log"


def exit_code(name: str) -> int | None:
    """Return the exit code of the newest queued training of `name`; None where it is not known."""
    try:
        return read_json(_ended_path(name), _Ended).exit_code
    except (FileNotFoundError, BadInput):
        return None


def failed(name: str) -> bool:
    """Return whether the newest training of `name` ended badly, killed by the system included.

    One that was asked to end did not: SIGTERM, which it may get before it listens.
    """
    return exit_code(name) not in (None, 0, -signal.SIGTERM)


def log_tail(name: str, lines: int = 8) -> str:
    """Return the last lines of a training's log; empty where there is none."""
    try:
        with log_path(name).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 8192))
            log = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return "\n".join(line.rstrip() for line in re.split(r"\r\n|\r|\n", log.rstrip())[-lines:])


def asked_for() -> list[str]:
    """List the queued trainings that left a log, the newest last."""
    logs = sorted(runs_dir().glob("*/train.log"), key=lambda path: path.stat().st_mtime)
    return [path.parent.name for path in logs]


def ensure_worker() -> None:
    """Start a worker where something waits and nothing trains: the last one may have been killed."""
    if waiting() and not training():
        start_worker()


def start_worker() -> None:
    """Start a worker in a session of its own; where one works already, it ends by itself."""
    subprocess.Popen(
        [sys.executable, "-m", "slm.training.queue"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def work() -> None:
    """Take one training after the other until none waits."""
    _folder().mkdir(parents=True, exist_ok=True)
    try:
        with hold_lock(_worker(), wait=LINGER):
            while queue := waiting():
                while any(run.status == "training" for run in list_runs()):
                    time.sleep(LOOK_EVERY)
                if (next_one := queue[0]) in waiting():
                    _train(next_one)
    except LockHeld:  # another works
        return


def _train(entry: QueueEntry) -> None:
    log = log_path(entry.name)
    log.parent.mkdir(parents=True, exist_ok=True)
    _ended_path(entry.name).unlink(missing_ok=True)
    with log.open("wb") as out:
        process = start_process(
            entry.spec, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    now = _Now(name=entry.name, process=Process.of(process.pid))
    write_text(_now_path(), json.dumps(asdict(now)))
    _file(entry).unlink(missing_ok=True)
    code = process.wait()
    _now_path().unlink(missing_ok=True)
    write_text(_ended_path(entry.name), json.dumps({"exit_code": code}))


def _now() -> _Now | None:
    """Read what the worker trains; None without a worker (a training that outlives it holds its run)."""
    if not is_locked(_worker()):
        return None
    try:
        return read_json(_now_path(), _Now)
    except (FileNotFoundError, BadInput):
        return None


def _folder() -> Path:
    return runs_dir() / ".queue"


def _worker() -> Path:
    return _folder() / ".worker"


def _file(entry: QueueEntry) -> Path:
    return _folder() / f"{entry.number:015d}.json"


def _now_path() -> Path:
    return _folder() / "now.json"


def _ended_path(name: str) -> Path:
    return runs_dir() / check_name(name) / "train.exit.json"


if __name__ == "__main__":
    work()
