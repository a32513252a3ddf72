"""What to train, and what run.json tells of it when it begins."""

import os
import platform
import shlex
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version

import torch

from slm.errors import BadInput
from slm.model.config import ModelConfig
from slm.processes import Process
from slm.recipe import Recipe
from slm.runs import Checkpoint, RunInfo
from slm.stories.corpus import TokenizedSplits


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to train: the run's name, its shape (the vocabulary is fitted to the corpus), corpus, recipe.

    With `minutes`, the recipe's tokens are replaced by what this machine can read in that time. With
    a `parent`, an address, training begins with its weights and tokenizer, and `config` is not asked.
    `device` is where, "auto", "cpu", "cuda" or "mps".
    """

    name: str
    config: ModelConfig
    corpus: str
    valid: str | None
    recipe: Recipe
    minutes: float | None = None
    parent: str | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        """Raise `BadInput` for a model that could write nothing."""
        if self.config.n_ctx < 2:
            raise BadInput(
                "a context has at least 2 tokens, what opens a story and one more, "
                f"not {self.config.n_ctx}"
            )


def info_of(
    plan: Plan,
    config: ModelConfig,
    recipe: Recipe,
    prepared: TokenizedSplits,
    parent: Checkpoint | None,
    device: str,
) -> RunInfo:
    """run.json of a training that begins now, in this process."""
    return RunInfo(
        config=config,
        recipe=recipe.to_json(),
        corpus={
            "train": plan.corpus,
            "valid": plan.valid,
            "vocabulary": plan.config.d_vocab,
            "train_hash": prepared.train.hash,
            "valid_hash": prepared.valid.hash,
            "tokenizer_hash": prepared.tokenizer.hash,
            "stories": len(prepared.train),
            "tokens": len(prepared.train.tokens),
            "bytes": prepared.train.n_bytes,
            "valid_stories": len(prepared.valid),
            "cleaning": asdict(prepared.report),
            "valid_cleaning": asdict(prepared.valid_report),
        },
        command=shlex.join(["python", "-m", "slm", *sys.argv[1:]]),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions={name: version(name) for name in ("torch", "transformer-lens", "tokenizers")},
        machine=machine(device),
        status="training",
        process=Process.of(os.getpid()),
        parent="" if parent is None else str(parent.address),
    )


def machine(device: str) -> str:
    """What trains: the processor, its threads, and the device where that is another."""
    threads = f"{platform.machine()}, {torch.get_num_threads()} threads"
    return threads if device == "cpu" else f"{threads}, {device}"
