"""What lies in runs/<name>/: the only code that knows those file names. Knows nothing of learning."""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from slm.errors import BadInput
from slm.files import replacing, write_text
from slm.model import weights as weights_file
from slm.model.config import ModelConfig, count_parameters
from slm.model.weights import Weights
from slm.stories.tokenizer import Tokenizer

Status = Literal["new", "training", "stopped", "interrupted", "finished", "failed", "imported"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def runs_dir() -> Path:
    """Where runs lie: `$SLM_RUNS`, or `runs/` beside the package."""
    return Path(os.environ.get("SLM_RUNS") or Path(__file__).resolve().parents[1] / "runs")


def check_name(name: str) -> str:
    """Return `name` if it may name a run; `BadInput` where it could leave `runs/` or trouble a URL."""
    if not _NAME.fullmatch(name):
        raise BadInput(
            "a run's name is 1 to 64 letters, digits, '.', '_' or '-', "
            f"the first a letter or digit, not {name!r}"
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


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A line of metrics.jsonl. Losses in nats per token; validation only where a checkpoint is."""

    step: int
    tokens: int
    seconds: float
    train_loss: float | None
    val_loss: float | None = None
    val_bits_per_byte: float | None = None
    tokens_per_second: float | None = None
    gradient_norm: float | None = None
    learning_rate: float | None = None


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """What run.json tells: how this run was made and how it stands.

    `parent` is the address of the checkpoint that it went on from; empty where it began anew.
    """

    config: ModelConfig
    recipe: dict[str, Any] = field(default_factory=dict)
    corpus: dict[str, Any] = field(default_factory=dict)
    command: str = ""
    created: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    machine: str = ""
    status: Status = "new"
    message: str = ""
    pid: int | None = None
    imported: dict[str, Any] = field(default_factory=dict)
    parent: str = ""

    @property
    def parameters(self) -> int:
        """Trained numbers. An imported model's biases that its original lacks are 0 and not counted."""
        given = self.imported.get("parameters")
        return count_parameters(self.config).total if given is None else int(given)

    @property
    def answers_requests(self) -> bool:
        """Whether the corpus's name says that its stories answer requests, as Instruct data do."""
        return "instruct" in str(self.corpus.get("train", "")).lower()

    @property
    def no_requests(self) -> str:
        """What to say where a model that was not trained to is asked to answer a request."""
        corpus = str(self.corpus.get("train", "")) or "a corpus that is not known"
        return (
            f"This model was trained on {corpus}, which does not look like Instruct data: it takes a "
            "request for the beginning of a story."
        )


class Run:
    """One run's folder. Reading never writes; every write is whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name

    # --- what it is -----------------------------------------------------------------------------

    @property
    def info(self) -> RunInfo:
        """run.json; `BadInput` where it is missing or cannot be read."""
        path = self.path / "run.json"
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            config = ModelConfig.from_json(data["config"])
            known = {item.name for item in fields(RunInfo)} - {"config"}
            return RunInfo(config=config, **{k: v for k, v in data.items() if k in known})
        except FileNotFoundError:
            raise BadInput(f"{self.path} is not a run: it has no run.json") from None
        except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
            raise BadInput(f"{path} cannot be read: {error}") from None

    @property
    def config(self) -> ModelConfig:
        """The model's shape."""
        return self.info.config

    @property
    def status(self) -> Status:
        """How the run stands now. Said to be training but held by no process: interrupted."""
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
        return sorted(int(path.stem) for path in found if path.stem.isdigit())

    @property
    def last_step(self) -> int | None:
        """The newest checkpoint's step; None before the first."""
        return max(self.steps, default=None)

    def checkpoint_path(self, step: int) -> Path:
        """Where the checkpoint of `step` lies (or would)."""
        return self.path / "checkpoints" / f"{step:08d}.safetensors"

    def weights_hash(self, step: int) -> str:
        """The sha256 of the checkpoint of `step` as it lies on disk, read once a process."""
        return _hash_of(self.checkpoint_path(step))

    @property
    def tokenizer_hash(self) -> str:
        """The sha256 of the tokenizer's file, read once a process."""
        return _hash_of(self.path / "tokenizer.json")

    @property
    def grades_path(self) -> Path:
        """Where every judge reply lies (or would)."""
        return self.path / "grades.sqlite"

    @property
    def explanations_path(self) -> Path:
        """Where every reply about this run's neurons lies (or would)."""
        return self.path / "explanations.sqlite"

    @property
    def verdicts_path(self) -> Path:
        """Where a person's verdicts on continuations lie (or would)."""
        return self.path / "verdicts.json"

    @property
    def memorization_path(self) -> Path:
        """Where studies of what is copied lie (or would)."""
        return self.path / "memorization"

    def measured_path(self, what: str, step: int) -> Path:
        """Where what was measured of the checkpoint of `step`, to be drawn as a curve, lies."""
        return self.path / "measured" / f"{what}-{step:08d}.json"

    @property
    def resume_path(self) -> Path:
        """Where the state that training goes on from lies (or would)."""
        return self.path / "resume.safetensors"

    def neurons_path(self, step: int) -> Path:
        """Where the neuron index of `step` lies (or would)."""
        return self.path / "neurons" / f"{step:08d}"

    def metrics(self) -> list[Metric]:
        """Every line of metrics.jsonl, oldest first; a half-written last line is left out."""
        return [Metric(**line) for line in _read_lines(self.path / "metrics.jsonl")]

    def samples(self) -> list[dict[str, Any]]:
        """Every line of samples.jsonl: `step prompt text stopped`."""
        return _read_lines(self.path / "samples.jsonl")

    def last_validation(self) -> Metric | None:
        """The newest metric that has a validation loss."""
        return next((m for m in reversed(self.metrics()) if m.val_loss is not None), None)

    # --- writing --------------------------------------------------------------------------------

    def write_info(self, info: RunInfo) -> None:
        """Replace run.json."""
        data = {**asdict(info), "config": info.config.to_json()}
        write_text(self.path / "run.json", json.dumps(data, indent=1, ensure_ascii=False) + "\n")

    def update(self, **changes: Any) -> None:
        """Replace some fields of run.json."""
        self.write_info(replace(self.info, **changes))

    def add_metric(self, metric: Metric) -> None:
        """Append a line to metrics.jsonl."""
        _append_line(self.path / "metrics.jsonl", asdict(metric))

    def add_samples(self, samples: list[dict[str, Any]]) -> None:
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
        """What `save_resume` wrote last, with its step and seconds; None where there is nothing."""
        path = self.resume_path
        if not path.exists():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                meta: Mapping[str, str] = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                return tensors, int(meta["step"]), float(meta["seconds"])
        except (SafetensorError, KeyError, ValueError) as error:
            raise BadInput(f"{path} cannot be read: {error}") from None

    def rewind(self, step: int) -> None:
        """Forget metrics and samples after `step`, before going on from there."""
        for name in ("metrics.jsonl", "samples.jsonl"):
            path = self.path / name
            lines = [line for line in _read_lines(path) if line["step"] <= step]
            write_text(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))

    # --- one process at a time ------------------------------------------------------------------

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the run against other trainings; the system frees it when this process dies."""
        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise BadInput(f"run {self.name!r} is being trained by another process") from None
        try:
            yield
        finally:
            lock.release()

    def is_held(self) -> bool:
        """Whether a living process is training this run."""
        path = self.path / ".lock"
        if not path.exists():
            return False
        lock = FileLock(path, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            return True
        lock.release()
        return False


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """A model ready to be used: its full address (with its step), weights and tokenizer."""

    address: Address
    config: ModelConfig
    weights: Weights
    tokenizer: Tokenizer


def list_runs() -> list[Run]:
    """Every run there is, by name; one that is still being imported is none yet."""
    if not (root := runs_dir()).is_dir():
        return []
    there = (path for path in sorted(root.iterdir()) if not path.name.startswith("."))
    return [Run(path) for path in there if (path / "run.json").exists()]


def open_run(name: str) -> Run:
    """The run called `name`; `BadInput` naming those there are where there is none."""
    run = Run(runs_dir() / check_name(name))
    if not (run.path / "run.json").exists():
        known = ", ".join(run.name for run in list_runs()) or "none yet"
        raise BadInput(f"there is no run {name!r}; there are: {known}")
    return run


def resolve(address: str | Address) -> tuple[Run, int]:
    """The run and step an address means; `BadInput` where there is no such checkpoint."""
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
    """Of a file that is what it was as long as these stay the same."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _append_line(path: Path, line: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _read_lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    whole, _, _half = path.read_text(encoding="utf-8").rpartition("\n")
    return [json.loads(line) for line in whole.splitlines() if line]
