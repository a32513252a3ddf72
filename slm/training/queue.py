"""Trainings that wait for their turn: one small file each, and one worker that takes them in order.

All of it lies in `runs/.queue/`, so that two browsers, a terminal and an app that was started anew
see the same. A training is a process in a session of its own: it outlives whoever asked for it.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from slm.errors import BadInput
from slm.files import write_text
from slm.runs import Run, check_name, list_runs, runs_dir

LINGER = 10.0
"""Seconds a second worker waits for the first: what is added while that one ends is not forgotten."""
LOOK_EVERY = 0.2


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A training that waits: the run's name, and the arguments of `slm train` besides it."""

    number: int
    name: str
    arguments: tuple[str, ...]


def add(name: str, arguments: Sequence[str]) -> Waiting:
    """Put a training at the end of the queue and see to it that somebody works.

    Raises `BadInput` for a name that no run can have, and where it waits or trains already.
    """
    check_name(name)
    if name in {one.name for one in waiting()}:
        raise BadInput(f"the training of {name!r} is waiting already")
    if name in training():
        raise BadInput(f"run {name!r} is being trained already")
    number = max((one.number for one in waiting()), default=int(time.time() * 1000)) + 1
    one = Waiting(number=number, name=name, arguments=tuple(arguments))
    write_text(_file(one), json.dumps({"name": name, "arguments": list(arguments)}) + "\n")
    start_worker()
    return one


def waiting() -> list[Waiting]:
    """What waits, the next one first."""
    found = []
    for path in sorted(_folder().glob("[0-9]*.json")):
        with contextlib.suppress(FileNotFoundError):  # it was taken a moment ago
            data = json.loads(path.read_text(encoding="utf-8"))
            found.append(
                Waiting(
                    number=int(path.stem), name=data["name"], arguments=tuple(data["arguments"])
                )
            )
    return found


def withdraw(name: str) -> bool:
    """Take a waiting training off the queue; False where none of that name waits."""
    mine = [one for one in waiting() if one.name == name]
    for one in mine:
        _file(one).unlink(missing_ok=True)
    return bool(mine)


def training() -> list[str]:
    """Names of the runs that train now, whoever started them; the queue's own first."""
    ours = _now()
    held = [run.name for run in list_runs() if _trains(run)]
    return list(dict.fromkeys([*([ours[0]] if ours else []), *held]))


def stop(name: str) -> None:
    """Take `name` off the queue, or ask its training to save and end (SIGTERM)."""
    if withdraw(name):
        return
    ours = _now()
    if ours and ours[0] == name:
        _terminate(ours[1])
    elif (run := Run(runs_dir() / check_name(name))).is_held():
        pid = run.info.pid
        if pid is not None:
            _terminate(pid)


def log_path(name: str) -> Path:
    """Where a training writes what it says."""
    return runs_dir() / check_name(name) / "train.log"


def exit_code(name: str) -> int | None:
    """How the newest training of `name` from the queue ended; None where it has not."""
    try:
        text = _ended_path(name).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return int(json.loads(text)["exit_code"])


def asked_for() -> list[str]:
    """Names of all trainings from the queue that left a log, the newest last."""
    logs = sorted(runs_dir().glob("*/train.log"), key=lambda path: path.stat().st_mtime)
    return [path.parent.name for path in logs]


def start_worker() -> None:
    """Start a worker in a session of its own; where one works already, it ends by itself."""
    subprocess.Popen(
        [sys.executable, "-m", "slm", "queue", "work"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def work() -> None:
    """Take one training after the other until none waits."""
    _folder().mkdir(parents=True, exist_ok=True)
    lock = FileLock(_folder() / ".worker", timeout=LINGER)
    try:
        lock.acquire()
    except Timeout:
        return
    try:
        while queue := waiting():
            while any(_trains(run) for run in list_runs()):
                time.sleep(LOOK_EVERY)
            if (next_one := queue[0]) in waiting():
                _train(next_one)
    finally:
        lock.release()


def _train(one: Waiting) -> None:
    log = log_path(one.name)
    log.parent.mkdir(parents=True, exist_ok=True)
    _ended_path(one.name).unlink(missing_ok=True)
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "slm", "train", "--name", one.name, *one.arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    write_text(_now_path(), json.dumps({"name": one.name, "pid": process.pid}))
    _file(one).unlink(missing_ok=True)
    code = process.wait()
    _now_path().unlink(missing_ok=True)
    write_text(_ended_path(one.name), json.dumps({"exit_code": code}))


def _now() -> tuple[str, int] | None:
    """Name and process of what the worker trains; None where none works."""
    lock = FileLock(_folder() / ".worker", timeout=0)
    if not _now_path().exists():
        return None
    try:
        lock.acquire()
    except Timeout:
        with contextlib.suppress(FileNotFoundError):
            data = json.loads(_now_path().read_text(encoding="utf-8"))
            return data["name"], data["pid"]
        return None
    lock.release()  # the worker was killed; a training that goes on holds its run
    return None


def _trains(run: Run) -> bool:
    try:
        return run.status == "training"
    except BadInput:  # its run.json is damaged: whatever it is, it does not train
        return False


def _terminate(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


def _folder() -> Path:
    return runs_dir() / ".queue"


def _file(one: Waiting) -> Path:
    return _folder() / f"{one.number:015d}.json"


def _now_path() -> Path:
    return _folder() / "now.json"


def _ended_path(name: str) -> Path:
    return runs_dir() / check_name(name) / "train.exit.json"
