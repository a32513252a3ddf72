"""Records of a run's files: a line of metrics.jsonl, a sample, and run.json."""

from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from slm.model.config import ModelConfig, count_parameters
from slm.processes import Process

Status = Literal["new", "training", "stopped", "interrupted", "finished", "failed", "imported"]


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


class AtStep(TypedDict):
    """What every line of either log has."""

    step: int


class Sample(AtStep):
    """A line of samples.jsonl: what the model wrote after `step`, and how it stopped."""

    prompt: str
    text: str
    stopped: str


class RecipeFields(TypedDict, total=False):
    """What this room reads of a recipe; `slm.recipe` knows the rest."""

    tokens: int
    batch: int
    seed: int


class CorpusFields(TypedDict, total=False):
    """What a run says of the stories it learned from."""

    train: str
    valid: str | None
    without: list[str]
    train_hash: str
    valid_hash: str
    tokenizer_hash: str
    stories: int
    tokens: int
    bytes: int
    valid_stories: int
    cleaning: dict[str, Any]
    valid_cleaning: dict[str, Any]


class ImportedFields(TypedDict, total=False):
    """Where an imported model came from. Its `parameters` are those that its original has."""

    kind: str
    source: str
    parameters: int
    notes: list[str]


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """What run.json tells: how this run was made and how it stands.

    An object's known fields are those of its `kind`. `process` is the one that trains it, None where
    none does. `parent` is the address of the checkpoint that it went on from; empty where it began anew.
    """

    config: ModelConfig
    recipe: dict[str, Any] = field(default_factory=dict, metadata={"kind": RecipeFields})
    corpus: dict[str, Any] = field(default_factory=dict, metadata={"kind": CorpusFields})
    command: str = ""
    created: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    machine: str = ""
    status: Status = "new"
    message: str = ""
    process: Process | None = None
    imported: dict[str, Any] = field(default_factory=dict, metadata={"kind": ImportedFields})
    parent: str = ""

    @property
    def parameters(self) -> int:
        """The number of trained parameters, without biases that an imported original lacks (they are 0)."""
        given = self.imported.get("parameters")
        return count_parameters(self.config).total if given is None else int(given)

    @property
    def corpus_name(self) -> str:
        """The corpus without the folders it lies in."""
        parts = str(self.corpus.get("train", "")).split("+")
        return " + ".join(part.rsplit("/", 1)[-1] for part in parts)

    @property
    def answers_requests(self) -> bool:
        """Whether the corpus's name says that its stories answer requests, as Instruct data do."""
        return "instruct" in self.corpus_name.lower()

    @property
    def no_requests(self) -> str:
        """The note for a model that is asked to answer requests without having been trained to."""
        corpus = self.corpus_name or "a corpus that is not known"
        return (
            f"This model was trained on {corpus}, which does not look like Instruct data: it takes a "
            "request for the beginning of a story."
        )
