"""Train a grid of shapes on one corpus with one budget, each a run called `SWEEP-SHAPE`.

A sweep that was stopped goes on where it was: finished runs stay, interrupted ones are resumed.
"""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from slm.errors import BadInput
from slm.files import write_text
from slm.reading import read_json, typed
from slm.runs import Run, Status, check_name, is_name, runs_dir
from slm.training.options import parse
from slm.training.process import start_process
from slm.training.spec import ResumeSpec, TrainingSpec

Standing = Status | Literal["to do", "damaged"]
OWN_OPTIONS = ("--name", "--shape", "--from", "--resume")
"""Options of `slm train` that a sweep gives itself."""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """The trainings of a grid of shapes, each a run called NAME-SHAPE."""

    name: str
    specs: tuple[TrainingSpec, ...]

    def __post_init__(self) -> None:
        """Raise `BadInput` for a name that cannot be, no shape, or a shape that stands there twice."""
        check_name(self.name)
        if not self.specs:
            raise BadInput("a sweep needs at least one shape, such as 64x2x4")
        runs = self.runs
        if stray := [run for run in runs if not run.startswith(f"{self.name}-")]:
            raise BadInput(
                f"a run of the sweep {self.name!r} is called {self.name}-…, not {stray[0]}"
            )
        if repeated := [shape for shape in self.shapes if self.shapes.count(shape) > 1]:
            raise BadInput(f"a sweep trains each shape once, and {repeated[0]} stands there twice")

    @property
    def runs(self) -> tuple[str, ...]:
        """Return the names of its runs."""
        return tuple(spec.name for spec in self.specs)

    @property
    def shapes(self) -> tuple[str, ...]:
        """Return its shapes, as they were named."""
        return tuple(run.removeprefix(f"{self.name}-") for run in self.runs)

    def remaining(self) -> list[TrainingSpec | ResumeSpec]:
        """Return what is left to train, in order: new runs, and those that were stopped."""
        return [
            spec if standing(spec.name) == "to do" else ResumeSpec(name=spec.name)
            for spec in self.specs
            if standing(spec.name) != "finished"
        ]


def sweep_of(name: str, shapes: Sequence[str], options: Sequence[str]) -> Sweep:
    """Return the sweep of `shapes`, words of `slm train --shape`, with other options of `slm train`."""
    words = [word.split("=")[0] for word in options]
    if given := [flag for flag in OWN_OPTIONS if flag in words]:
        raise BadInput(f"{given[0]} is the sweep's own business: leave it out")
    specs = (parse(f"{name}-{shape}", ["--shape", shape, *options]) for shape in shapes)
    return Sweep(name=name, specs=tuple(spec for spec in specs if isinstance(spec, TrainingSpec)))


def shapes(widths: Sequence[int], depths: Sequence[int], d_head: int) -> tuple[str, ...]:
    """Return every width with every depth, heads of about `d_head` numbers each, cheapest first."""
    found = [
        (width * width * depth, f"{width}x{depth}x{max(1, round(width / d_head))}")
        for width in widths
        for depth in depths
    ]
    return tuple(shape for _, shape in sorted(found))


def standing(name: str) -> Standing:
    """Return a run's status; "to do" where it has not begun, "damaged" where that cannot be read."""
    run = Run(runs_dir() / name)
    if not run.exists():
        return "to do"
    try:
        return run.status
    except BadInput:
        return "damaged"


def keep(sweep: Sweep) -> None:
    """Write a sweep's file, so that it can go on.

    Raises `BadInput` where another sweep has the name.
    """
    path = _path(sweep.name)
    if path.exists() and load(sweep.name) != sweep:
        raise BadInput(
            f"there is a sweep {sweep.name!r} with other shapes or another budget: choose another name"
        )
    write_text(path, json.dumps(asdict(sweep), indent=1) + "\n")


def load(name: str) -> Sweep:
    """Return the sweep called `name`; `BadInput` where there is none."""
    path = _path(name)
    try:
        data = read_json(path, dict)
    except FileNotFoundError:
        known = ", ".join(names()) or "none yet"
        raise BadInput(f"there is no sweep {name!r}; there are: {known}") from None
    if "how" not in data:
        return typed(Sweep, {**data, "name": name}, str(path))
    old = typed(_OldSweep, data, str(path))
    try:
        return sweep_of(name, old.shapes, old.how)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None


@dataclass(frozen=True, kw_only=True)
class _OldSweep:
    """What a sweep's file held before there were specifications: shapes, and options of `slm train`."""

    shapes: tuple[str, ...]
    how: tuple[str, ...]


def names() -> list[str]:
    """Return the names of all sweeps; a file whose name can name no run is none."""
    found = (path.stem for path in (runs_dir() / ".sweeps").glob("*.json"))
    return sorted(name for name in found if is_name(name))


def train_here(sweep: Sweep) -> Iterator[str]:
    """Train what is left, one after the other, yielding each run's name before it is trained.

    Raises `ArithmeticError` at the end, naming those that failed; the others are trained all the same.
    """
    failed = []
    for spec in sweep.remaining():
        yield spec.name
        process = start_process(spec, stdout=sys.stderr)
        try:
            code = process.wait()
        except BaseException:  # Ctrl-C: the training saves before anything else happens
            process.terminate()
            process.wait()
            raise
        if standing(spec.name) == "stopped":
            return
        if code:
            failed.append(spec.name)
    if failed:
        raise ArithmeticError(f"not trained to the end: {', '.join(failed)}")


def train_on_ray(sweep: Sweep, address: str | None) -> Iterator[str]:
    """Train what is left on a Ray cluster, a run a worker, yielding each name when it is done.

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
        running = {worker.remote(spec, runs): spec.name for spec in sweep.remaining()}
        failed = []
        while running:
            (done, *_), _ = ray.wait(list(running), num_returns=1)
            name = running.pop(done)
            if complaint := ray.get(done):
                failed.append(f"{name} ({complaint})")
            yield name
    finally:
        ray.shutdown()
    if failed:
        raise ArithmeticError(f"not trained to the end: {', '.join(failed)}")


def train_one(spec: TrainingSpec | ResumeSpec, runs: str) -> str:
    """Train as a worker does; return the last line of the complaint, empty where there is none."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = start_process(spec, env={**os.environ, "SLM_RUNS": runs}, text=False, **pipes)
    _, complaint = process.communicate()
    if process.returncode == 0:
        return ""
    return (complaint.decode(errors="replace").strip() or "no words").split("\n")[-1]


def _path(name: str) -> Path:
    return runs_dir() / ".sweeps" / f"{check_name(name)}.json"
