"""Run one training in a process of its own, which reads its specification as JSON from standard input."""

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from slm.errors import BadInput
from slm.files import said
from slm.reading import parse_json
from slm.runs import open_run
from slm.training.job import run_training
from slm.training.run_info import cleaning_lines
from slm.training.spec import ResumeSpec, TrainingSpec, spec_from_json


def start_process(spec: TrainingSpec | ResumeSpec, **streams: Any) -> "subprocess.Popen[bytes]":
    """Start the training of `spec`; `streams` are more arguments of `Popen`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "slm.training.process"], stdin=subprocess.PIPE, **streams
    )
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError), process.stdin as file:
        file.write(json.dumps(spec.to_json()).encode())
    process.stdin = None  # it is closed, which `communicate` would not expect
    return process


def stop_on_signals() -> Callable[[], bool]:
    """Handle SIGTERM and SIGINT; return whether one has come, which a training asks between steps."""
    stopping = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return lambda: stopping


def main() -> int:
    """Train what standard input specifies; return the exit code, as `slm train` does."""
    stop = stop_on_signals()
    try:
        spec = spec_from_json(parse_json(sys.stdin.read()), "the specification")
        for number, update in enumerate(run_training(spec, stop=stop)):
            if number == 0:
                print(*cleaning_lines(open_run(spec.name).info), sep="\n", flush=True)
            if update.checkpoint:
                print(
                    f"{spec.name}: step {update.step:,} of {update.steps:,}, loss {update.loss:.3f}, "
                    f"about {update.seconds_left:,.0f} s left",
                    flush=True,
                )
    except BadInput as error:
        return _complain(str(error), 2)
    except ArithmeticError as error:
        return _complain(str(error), 1)
    except OSError as error:
        return _complain(said(error), 1)
    return 0


def _complain(error: str, code: int) -> int:
    print(f"slm: {' '.join(error.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
