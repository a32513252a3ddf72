"""Describe a training in run.json when it begins."""

import os
import platform
import shlex
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version

import torch

from slm.model.config import ModelConfig
from slm.processes import Process
from slm.recipe import Recipe
from slm.runs import RunInfo
from slm.stories.cleaning import CleaningReport
from slm.stories.corpus import TokenizedSplits
from slm.training.options import words_of
from slm.training.spec import TrainingSpec


def info_of(
    spec: TrainingSpec,
    config: ModelConfig,
    recipe: Recipe,
    prepared: TokenizedSplits,
    parent: str,
    device: str,
) -> RunInfo:
    """Return run.json of a training that begins now, in this process.

    `config` and `recipe` are what the specification came to on this corpus and device, `parent` is a full
    address or empty.
    """
    return RunInfo(
        config=config,
        recipe=recipe.to_json(),
        corpus={
            "train": spec.train_source,
            "valid": spec.valid_source,
            "without": list(spec.without),
            "vocabulary": (spec.config or config).d_vocab,
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
        command=shlex.join(["python", "-m", "slm", "train", "--name", spec.name, *words_of(spec)]),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions={name: version(name) for name in ("torch", "transformer-lens", "tokenizers")},
        machine=machine(device),
        status="training",
        process=Process.of(os.getpid()),
        parent=parent,
    )


def machine(device: str) -> str:
    """Name what trains: the processor, its threads, and the device where that is another."""
    threads = f"{platform.machine()}, {torch.get_num_threads()} threads"
    return threads if device == "cpu" else f"{threads}, {device}"


def cleaning_lines(info: RunInfo) -> list[str]:
    """Say what cleaning kept and dropped of a run's corpora, a line a corpus."""
    corpus = info.corpus
    return [
        f"{source}: {CleaningReport.of(corpus[what]).in_words()}"
        for source, what in ((corpus["train"], "cleaning"), (corpus["valid"], "valid_cleaning"))
        if source and what in corpus
    ]
