"""A grid of shapes, trained on one corpus with one budget: how do width and depth matter?

Every shape is a run of its own, called `SWEEP-SHAPE`. A sweep that was stopped goes on where it was:
runs that are finished stay, runs that were interrupted are resumed.
"""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from slm.errors import BadInput
from slm.files import write_text
from slm.model.config import named_shape
from slm.reading import read_json
from slm.runs import Run, Status, check_name, is_name, runs_dir

Standing = Status | Literal["to do", "damaged"]


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Which shapes, and how each is trained: the arguments of `slm train` but name and shape.

    A shape is a word as `slm train --shape` takes it, a preset's name or `64x8x4`, and means the same.
    """

    name: str
    shapes: tuple[str, ...]
    how: tuple[str, ...]

    def __post_init__(self) -> None:
        """Raise `BadInput` for a name or a shape that cannot be."""
        check_name(self.name)
        if not self.shapes:
            raise BadInput("a sweep needs at least one shape, such as 64x2x4")
        if repeated := [s for s in self.shapes if self.shapes.count(s) > 1]:
            raise BadInput(f"a sweep trains each shape once, and {repeated[0]} stands there twice")
        for shape in self.shapes:
            named_shape(shape)
            check_name(self.run_name(shape))

    def run_name(self, shape: str) -> str:
        """What the run of a shape is called."""
        return f"{self.name}-{shape}"

    def arguments(self, shape: str) -> list[str]:
        """How `slm train` is called for a shape now: anew, or to go on."""
        name = self.run_name(shape)
        if standing(name) == "to do":
            return ["--name", name, "--shape", shape, *self.how]
        return ["--name", name, "--resume"]

    def left(self) -> list[str]:
        """Shapes that are not finished, in order."""
        return [shape for shape in self.shapes if standing(self.run_name(shape)) != "finished"]


def shapes(widths: Sequence[int], depths: Sequence[int], d_head: int) -> tuple[str, ...]:
    """Every width with every depth, heads of about `d_head` numbers each, cheapest first."""
    found = [
        (width * width * depth, f"{width}x{depth}x{max(1, round(width / d_head))}")
        for width in widths
        for depth in depths
    ]
    return tuple(shape for _, shape in sorted(found))


def standing(name: str) -> Standing:
    """How a run stands; "to do" where it has not begun, "damaged" where that cannot be read."""
    run = Run(runs_dir() / name)
    if not (run.path / "run.json").exists():
        return "to do"
    try:
        return run.status
    except BadInput:
        return "damaged"


def keep(sweep: Sweep) -> None:
    """Write down what a sweep is, so that it can go on.

    Raises `BadInput` where another sweep has the name.
    """
    path = _path(sweep.name)
    if path.exists() and load(sweep.name) != sweep:
        raise BadInput(
            f"there is a sweep {sweep.name!r} with other shapes or another budget: choose another name"
        )
    write_text(path, json.dumps(asdict(sweep), indent=1) + "\n")


def load(name: str) -> Sweep:
    """The sweep called `name`; `BadInput` where there is none."""
    try:
        return replace(read_json(_path(name), Sweep), name=name)
    except FileNotFoundError:
        known = ", ".join(names()) or "none yet"
        raise BadInput(f"there is no sweep {name!r}; there are: {known}") from None


def names() -> list[str]:
    """Every sweep there is; a file whose name can name no run is none."""
    found = (path.stem for path in (runs_dir() / ".sweeps").glob("*.json"))
    return sorted(name for name in found if is_name(name))


def train_here(sweep: Sweep) -> Iterator[str]:
    """Train what is left, one after the other, yielding each shape before it is trained.

    Raises `ArithmeticError` at the end, naming those that failed; the others are trained all the same.
    """
    failed = []
    for shape in sweep.left():
        yield shape
        process = subprocess.Popen(
            [sys.executable, "-m", "slm", "train", *sweep.arguments(shape)], stdout=sys.stderr
        )
        try:
            code = process.wait()
        except BaseException:  # Ctrl-C: the training saves before anything else happens
            process.terminate()
            process.wait()
            raise
        if standing(sweep.run_name(shape)) == "stopped":
            return
        if code:
            failed.append(shape)
    if failed:
        raise ArithmeticError(f"not trained to the end: {', '.join(failed)}")


def train_on_ray(sweep: Sweep, address: str | None) -> Iterator[str]:
    """Train what is left on a Ray cluster, a shape a worker, yielding each when it is done.

    `address` is the cluster's; None starts one on this machine. The runs folder must be the same for
    all workers (a shared disk). Raises `BadInput` where Ray is not installed.
    """
    try:
        import ray
    except ImportError:
        raise BadInput("ray is not installed: pip install -e '.[ray]'") from None
    if not ray.is_initialized():
        here: dict[str, Any] = {"_node_ip_address": "127.0.0.1"} if address is None else {}
        ray.init(
            address,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **here,
        )
    worker = ray.remote(num_cpus=1, max_retries=2)(train_one)
    try:
        runs = str(runs_dir())
        running = {worker.remote(sweep.arguments(shape), runs): shape for shape in sweep.left()}
        failed = []
        while running:
            (done, *_), _ = ray.wait(list(running), num_returns=1)
            shape = running.pop(done)
            if complaint := ray.get(done):
                failed.append(f"{shape} ({complaint})")
            yield shape
    finally:
        ray.shutdown()
    if failed:
        raise ArithmeticError(f"not trained to the end: {', '.join(failed)}")


def train_one(arguments: list[str], runs: str) -> str:
    """Run `slm train` as a worker does; the last line of its complaint, empty where it has none."""
    done = subprocess.run(
        [sys.executable, "-m", "slm", "train", *arguments],
        env={**os.environ, "SLM_RUNS": runs},
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else (done.stderr.strip() or "no words").split("\n")[-1]


def _path(name: str) -> Path:
    return runs_dir() / ".sweeps" / f"{check_name(name)}.json"
