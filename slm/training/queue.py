"""Trainings that wait for their turn: one small file each, and one worker that takes them in order.

All of it lies in `runs/.queue/`, so that two browsers, a terminal and an app that was started anew
see the same. A training is a process in a session of its own: it outlives whoever asked for it.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from slm.errors import BadInput
from slm.files import write_text
from slm.locks import LockHeld, hold_lock, is_locked
from slm.processes import Process
from slm.reading import read_json
from slm.runs import Run, check_name, list_runs, runs_dir

LINGER = 10.0
"""Seconds a second worker waits for the first: what is added while that one ends is not forgotten."""
LOOK_EVERY = 0.2
_NUMBER = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What an entry of the queue holds."""

    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Now:
    """What the worker trains at this moment."""

    name: str
    process: Process


@dataclass(frozen=True, kw_only=True)
class _Ended:
    exit_code: int


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
    """What waits, the next one first; without entries that are damaged (see `damage`)."""
    return [one for one in _entries() if isinstance(one, Waiting)]


def damage() -> list[str]:
    """What is damaged of the queue, a line an entry."""
    return [
        f"{one}; delete it and queue that training again"
        for one in _entries()
        if isinstance(one, str)
    ]


def _entries() -> Iterator[Waiting | str]:
    """Every entry in order, or what is wrong with it."""
    for path in sorted(_folder().glob("[0-9]*.json")):
        try:
            asked = read_json(path, _Asked)
            number = int(path.stem) if _NUMBER.fullmatch(path.stem) else None
            if number is None:
                raise BadInput(f"{path} is no number of the queue")
            check_name(asked.name)
        except FileNotFoundError:  # it was taken a moment ago
            continue
        except BadInput as error:
            yield str(error)
        else:
            yield Waiting(number=number, name=asked.name, arguments=asked.arguments)


def withdraw(name: str) -> bool:
    """Take a waiting training off the queue; False where none of that name waits."""
    mine = [one for one in waiting() if one.name == name]
    for one in mine:
        _file(one).unlink(missing_ok=True)
    return bool(mine)


def training() -> list[str]:
    """Names of the runs that train now, whoever started them; the queue's own first."""
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
    """Where a training writes what it says."""
    return runs_dir() / check_name(name) / "train.log"


def exit_code(name: str) -> int | None:
    """How the newest training of `name` from the queue ended; None where that is not known."""
    try:
        return read_json(_ended_path(name), _Ended).exit_code
    except (FileNotFoundError, BadInput):
        return None


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
    try:
        with hold_lock(_worker(), wait=LINGER):
            while queue := waiting():
                while any(run.status == "training" for run in list_runs()):
                    time.sleep(LOOK_EVERY)
                if (next_one := queue[0]) in waiting():
                    _train(next_one)
    except LockHeld:  # another works
        return


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
    now = _Now(name=one.name, process=Process.of(process.pid))
    write_text(_now_path(), json.dumps(asdict(now)))
    _file(one).unlink(missing_ok=True)
    code = process.wait()
    _now_path().unlink(missing_ok=True)
    write_text(_ended_path(one.name), json.dumps({"exit_code": code}))


def _now() -> _Now | None:
    """What the worker trains; None where none works (a training that outlives it holds its run)."""
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


def _file(one: Waiting) -> Path:
    return _folder() / f"{one.number:015d}.json"


def _now_path() -> Path:
    return _folder() / "now.json"


def _ended_path(name: str) -> Path:
    return runs_dir() / check_name(name) / "train.exit.json"
