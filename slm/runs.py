"""Runs on disk: every path inside runs/NAME/, run addresses, and loading checkpoints."""

import contextlib
import hashlib
import json
import os
import re
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from slm.databases import damage as database_damage
from slm.errors import BadInput, shown
from slm.files import leftovers, replacing, write_text, writing
from slm.locks import LockHeld, hold_lock, is_locked
from slm.model import weights as weights_file
from slm.model.config import ModelConfig
from slm.model.weights import Weights
from slm.reading import BEFORE_IT, Lines, read_json, read_lines, typed
from slm.recipe import Recipe
from slm.records import AtStep, Metric, RunInfo, Sample, Status
from slm.stories.tokenizer import Tokenizer

T = TypeVar("T")
DEFAULT_RUN = "four-layer"
"""The bundled run that is shown where nobody asks for another."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_THE_HOLDERS = re.compile(r"\.(run|tokenizer|metrics|samples|resume|\d{8,12})\.\w+\.")
OTHERS_WRITE = 3600
"""Seconds after which what others than a run's holder left half-written is no longer being written."""
_STEP = re.compile(r"[0-9]{8}|[1-9][0-9]{8,11}")


def runs_dir() -> Path:
    """Return the folder of runs: `$SLM_RUNS`, or `runs/` beside the package."""
    return Path(os.environ.get("SLM_RUNS") or Path(__file__).resolve().parents[1] / "runs")


def is_name(name: str) -> bool:
    """Return whether `name` may name a run."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str) -> str:
    """Return `name` if it may name a run; `BadInput` where it could leave `runs/` or trouble a URL."""
    if not is_name(name):
        raise BadInput(
            "a run's name is 1 to 64 letters, digits, '.', '_' or '-', "
            f"the first a letter or digit, not {shown(name)}"
        )
    return name


@dataclass(frozen=True)
class Address:
    """Which checkpoint: `run@step`; a bare `run` means its last step."""

    run: str
    step: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read `one-layer@2000`; `BadInput` where it is no address."""
        name, at, step = text.partition("@")
        check_name(name)
        if at and not re.fullmatch(r"\d{1,12}", step):
            raise BadInput(f"an address is run or run@step, such as one-layer@2000, not {text!r}")
        return cls(name, int(step) if at else None)

    def __str__(self) -> str:
        return self.run if self.step is None else f"{self.run}@{self.step}"


class Run:
    """One run's folder. Reading never writes; every write is whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name

    # --- what it is -----------------------------------------------------------------------------

    def exists(self) -> bool:
        """Return whether it has a run.json."""
        return (self.path / "run.json").exists()

    @property
    def info(self) -> RunInfo:
        """run.json; `BadInput` where it is missing or damaged."""
        path = self.path / "run.json"
        try:
            data = read_json(path, dict)
            info = typed(RunInfo, data, str(path))
            ModelConfig.from_json(data["config"])  # which knows no other fields
        except FileNotFoundError:
            raise BadInput(f"{self.path} is not a run: it has no run.json") from None
        except BadInput as error:
            raise BadInput(f"{error}; mend it, or move the run out of {self.path.parent}") from None
        return info

    @property
    def config(self) -> ModelConfig:
        """The model's shape."""
        return self.info.config

    @property
    def recipe(self) -> Recipe | None:
        """The training recipe; None for an imported run. `BadInput` where it is damaged."""
        found = self.info.recipe
        return typed(Recipe, found, f"the recipe in {self.path / 'run.json'}") if found else None

    @property
    def status(self) -> Status:
        """The run's status; one said to be training that no process holds is interrupted."""
        status = self.info.status
        return "interrupted" if status == "training" and not self.is_held() else status

    @property
    def tokenizer(self) -> Tokenizer:
        """The run's own tokenizer."""
        return Tokenizer.load(self.path / "tokenizer.json")

    # --- what it has learned --------------------------------------------------------------------

    @property
    def steps(self) -> list[int]:
        """Steps that have a checkpoint, ascending."""
        found = (self.path / "checkpoints").glob("*.safetensors")
        return sorted(int(path.stem) for path in found if _STEP.fullmatch(path.stem))

    @property
    def last_step(self) -> int | None:
        """The newest checkpoint's step; None before the first."""
        return max(self.steps, default=None)

    def checkpoint_path(self, step: int) -> Path:
        """Return the path of the checkpoint of `step`."""
        return self.path / "checkpoints" / f"{step:08d}.safetensors"

    def weights_hash(self, step: int) -> str:
        """Compute the sha256 of the checkpoint file of `step`; cached while the file is unchanged."""
        return _hash_of(self.checkpoint_path(step))

    @property
    def tokenizer_hash(self) -> str:
        """The sha256 of the tokenizer's file, read once a process."""
        return _hash_of(self.path / "tokenizer.json")

    @property
    def grades_path(self) -> Path:
        """The path of all judge replies."""
        return self.path / "grades.sqlite"

    @property
    def explanations_path(self) -> Path:
        """The path of all replies about this run's neurons."""
        return self.path / "explanations.sqlite"

    @property
    def verdicts_path(self) -> Path:
        """The path of a person's verdicts on continuations."""
        return self.path / "verdicts.json"

    @property
    def memorization_path(self) -> Path:
        """The path of memorization studies."""
        return self.path / "memorization"

    def measured_path(self, what: str, step: int) -> Path:
        """Return the path of a measurement of the checkpoint of `step`."""
        return self.path / "measured" / f"{what}-{step:08d}.json"

    @property
    def resume_path(self) -> Path:
        """The path of the training state to resume from."""
        return self.path / "resume.safetensors"

    def neurons_path(self, step: int) -> Path:
        """Return the path of the neuron index of `step`."""
        return self.path / "neurons" / f"{step:08d}"

    def metrics(self) -> list[Metric]:
        """Read metrics.jsonl, oldest line first, up to a damaged line (see `damage`)."""
        return list(_lines(self.path / "metrics.jsonl", Metric).found)

    def samples(self) -> list[Sample]:
        """Read samples.jsonl, oldest line first, up to a damaged line (see `damage`)."""
        return list(_lines(self.path / "samples.jsonl", Sample).found)

    def damage(self) -> list[str]:
        """List what is damaged in a run that still opens, one line per file."""
        logs = (("metrics.jsonl", Metric), ("samples.jsonl", Sample))
        found = [_lines(self.path / name, kind).damage for name, kind in logs]
        for path in (self.grades_path, self.explanations_path):
            if path.exists():
                found.append(database_damage(path))
        return [line for line in found if line]

    def last_validation(self) -> Metric | None:
        """Return the newest metric that has a validation loss; None where there is none."""
        return next((m for m in reversed(self.metrics()) if m.val_loss is not None), None)

    # --- writing --------------------------------------------------------------------------------

    def write_info(self, info: RunInfo) -> None:
        """Replace run.json."""
        data = {**asdict(info), "config": info.config.to_json()}
        write_text(self.path / "run.json", json.dumps(data, indent=1) + "\n")

    def update(self, **changes: Any) -> None:
        """Replace some fields of run.json."""
        self.write_info(replace(self.info, **changes))

    def add_metric(self, metric: Metric) -> None:
        """Append a line to metrics.jsonl."""
        _append_line(self.path / "metrics.jsonl", asdict(metric))

    def add_samples(self, samples: Sequence[Sample]) -> None:
        """Append lines to samples.jsonl."""
        for sample in samples:
            _append_line(self.path / "samples.jsonl", sample)

    def save_checkpoint(
        self, weights: Weights, step: int, *, dtype: torch.dtype = torch.float16
    ) -> None:
        """Write the checkpoint of `step`, as float16 where nothing else is asked for."""
        weights_file.save(weights, self.checkpoint_path(step), dtype=dtype)

    def save_resume(self, tensors: dict[str, Tensor], step: int, seconds: float) -> None:
        """Write what it takes to go on after `step`: float32 weights and optimizer state."""
        with replacing(self.resume_path) as beside:
            save_file(tensors, beside, metadata={"step": str(step), "seconds": str(seconds)})

    def load_resume(self) -> tuple[dict[str, Tensor], int, float] | None:
        """Load the state that `save_resume` wrote last, its step and its seconds; None where there is none.

        Raises `BadInput` where the file is damaged.
        """
        path = self.resume_path
        if not path.exists():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                meta: Mapping[str, str] = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                step, seconds = int(meta["step"]), float(meta["seconds"])
        except (SafetensorError, KeyError, ValueError, OSError) as error:
            raise BadInput(f"{path} cannot be read: {error}") from None
        if step < 0 or not 0 <= seconds < float("inf"):
            raise BadInput(f"{path} cannot be read: step {step} after {seconds} seconds")
        return tensors, step, seconds

    def rewind(self, step: int) -> None:
        """Forget metrics and samples after `step`, before going on from there.

        Raises `BadInput` where a line is damaged: what comes after it would be lost.
        """
        for name in ("metrics.jsonl", "samples.jsonl"):
            lines = read_lines(path := self.path / name, AtStep)
            if lines.damage:
                where = lines.damage.removesuffix(BEFORE_IT)
                raise BadInput(f"{where}; take it out of the file to go on")
            kept = [
                raw + b"\n"
                for raw, line in zip(lines.raw, lines.found, strict=True)
                if line["step"] <= step
            ]
            with replacing(path) as beside:
                beside.write_bytes(b"".join(kept))

    # --- one process at a time ------------------------------------------------------------------

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the run against other trainings; the system frees it when this process dies.

        What a process that was killed left half-written is swept away.
        """
        try:
            with hold_lock(self._lock):
                self._sweep()
                yield
        except LockHeld:
            raise BadInput(f"run {self.name!r} is being trained by another process") from None

    def is_held(self) -> bool:
        """Return whether a living process is training this run, without taking its lock."""
        return is_locked(self._lock)

    def _sweep(self) -> None:
        """Remove what was left half-written. What others than the holder write may yet be written."""
        for path in leftovers(self.path):
            with contextlib.suppress(FileNotFoundError):
                age = time.time() - path.stat().st_mtime
                if _THE_HOLDERS.match(path.name) or age > OTHERS_WRITE:
                    path.unlink()

    @property
    def _lock(self) -> Path:
        return self.path / ".lock"

    @property
    def stop_path(self) -> Path:
        """A file that asks this run's training, on whatever machine, to save and end."""
        return self.path / ".stop"


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """A model ready to be used: its full address (with its step), weights and tokenizer."""

    address: Address
    config: ModelConfig
    weights: Weights
    tokenizer: Tokenizer


def list_runs() -> list[Run]:
    """List every run that can be opened, by name, without those still being imported."""
    return [run for run, why_not in _every_run() if not why_not]


def damaged_runs() -> dict[str, str]:
    """Return the folders of runs that cannot be opened, by name, each with the reason in one line."""
    return {run.name: why_not for run, why_not in _every_run() if why_not}


def _every_run() -> Iterator[tuple[Run, str]]:
    """Yield every folder with a run.json, and why it cannot be opened; empty where it can."""
    try:
        folders = sorted(runs_dir().iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    for path in folders:
        if path.name.startswith(".") or not (path / "run.json").exists():
            continue
        run, why_not = Run(path), ""
        try:
            check_name(run.name)
            _ = run.info
        except BadInput as error:
            why_not = str(error)
            if not is_name(run.name):
                why_not = f"{path} cannot be opened: rename it; {why_not}"
        yield run, why_not


def open_run(name: str) -> Run:
    """Open the run called `name`; `BadInput` listing the existing runs where there is none."""
    run = Run(runs_dir() / check_name(name))
    if not run.exists():
        known = ", ".join(run.name for run in list_runs()) or "none yet"
        raise BadInput(f"there is no run {name!r}; there are: {known}")
    return run


def resolve(address: str | Address) -> tuple[Run, int]:
    """Resolve an address to its run and step; `BadInput` where there is no such checkpoint."""
    if isinstance(address, str):
        address = Address.parse(address)
    run = open_run(address.run)
    steps = run.steps
    if not steps:
        raise BadInput(f"run {run.name!r} has no checkpoint yet")
    if address.step is None:
        return run, steps[-1]
    if address.step not in steps:
        raise BadInput(
            f"run {run.name!r} has no step {address.step}; it has {', '.join(map(str, steps))}"
        )
    return run, address.step


def load_checkpoint(address: str | Address, device: str = "cpu") -> Checkpoint:
    """Load weights and tokenizer of `run` or `run@step`.

    Raises `BadInput` for an unknown run or step, and for a file that is not this run's checkpoint.
    """
    run, step = resolve(address)
    config, tokenizer = run.config, run.tokenizer
    if tokenizer.d_vocab != config.d_vocab:
        raise BadInput(
            f"run {run.name!r}: its tokenizer has {tokenizer.d_vocab} tokens, "
            f"its model {config.d_vocab}"
        )
    with torch.no_grad():
        weights = weights_file.load(run.checkpoint_path(step), config, device)
    return Checkpoint(
        address=Address(run.name, step), config=config, weights=weights, tokenizer=tokenizer
    )


def _hash_of(path: Path) -> str:
    there = path.stat()
    return _sha256(path, there.st_ino, there.st_mtime_ns, there.st_size)


@lru_cache(maxsize=4096)
def _sha256(path: Path, inode: int, changed: int, size: int) -> str:
    """Hash a file; cached while its inode, time and size stay the same."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _append_line(path: Path, line: Mapping[str, Any]) -> None:
    with writing(path), path.open("a", encoding="ascii") as file:
        file.write(json.dumps(line) + "\n")


def _lines(path: Path, kind: type[T]) -> Lines[T]:
    try:
        there = path.stat()
    except OSError:
        return read_lines(path, kind)
    lines: Lines[T] = _lines_of(
        path, cast(Hashable, kind), there.st_ino, there.st_mtime_ns, there.st_size
    )
    return lines


@lru_cache(maxsize=256)
def _lines_of(path: Path, kind: Hashable, inode: int, changed: int, size: int) -> Lines[Any]:
    """Read a log's lines; cached while its inode, time and size stay the same."""
    return read_lines(path, cast("type[Any]", kind))
