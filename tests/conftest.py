"""A tiny world for every test: a runs folder of its own, a small corpus, a model trained on it."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests share the cores; threads would wait in turn

import pytest
import torch
from hypothesis import HealthCheck, settings

from slm.model.config import ModelConfig
from slm.model.weights import initialise
from slm.runs import Address, Checkpoint, Run, RunInfo
from slm.stories.tokenizer import END, Tokenizer
from tests.llm.server import JudgeServer, serving
from tests.stand_in import register

register()
# how long an example takes says how busy the machine is, not whether it is right
settings.register_profile("slm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("slm")

NAMES = ("Amy", "Ben", "Lily", "Tom", "Sue", "Max")
THINGS = ("ball", "kite", "cake", "boat", "book", "hat")
PLACES = ("park", "garden", "house", "beach", "forest")


def little_stories(count: int, seed: int = 0) -> list[str]:
    """Small stories of a few words, all different."""
    draw = random.Random(seed)
    return [
        f"One day, {draw.choice(NAMES)} had a {draw.choice(THINGS)}. It was number {number}. "
        f"{draw.choice(NAMES)} went to the {draw.choice(PLACES)} with the {draw.choice(THINGS)}. "
        f'"Look at my {draw.choice(THINGS)}!" said {draw.choice(NAMES)}. They were happy.'
        for number in range(count)
    ]


def write_corpus(path: Path, stories: list[str]) -> Path:
    """Write stories as TinyStories' .txt files do."""
    path.write_text(f"\n{END}\n".join(stories) + f"\n{END}\n", encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees or touches the real runs."""
    folder = tmp_path / "runs"
    monkeypatch.setenv("SLM_RUNS", str(folder))
    return folder


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A corpus of 300 little stories."""
    return write_corpus(tmp_path / "corpus.txt", little_stories(300))


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """A tokenizer of 512 tokens."""
    return Tokenizer.train(little_stories(300), 512)


@pytest.fixture
def checkpoint(runs: Path, tokenizer: Tokenizer) -> Checkpoint:
    """A random 16x2x2 model, saved as `tiny@0`."""
    config = ModelConfig(d_model=16, n_layers=2, n_heads=2, d_vocab=tokenizer.d_vocab, n_ctx=48)
    weights = initialise(config, 0)
    with torch.no_grad():
        generator = torch.Generator().manual_seed(1)
        for _, leaf in weights.named_parameters():
            leaf.add_(torch.randn(leaf.shape, generator=generator) * 0.1)
            leaf.copy_(leaf.half().float())  # exactly what the disk will hold
    run = Run(runs / "tiny")
    tokenizer.save(run.path / "tokenizer.json")
    run.write_info(RunInfo(config=config, status="finished"))
    run.save_checkpoint(weights, 0)
    return Checkpoint(
        address=Address("tiny", 0), config=config, weights=weights, tokenizer=tokenizer
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MB, where this machine lets us make one."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)], capture_output=True
    )
    if made.returncode:
        pytest.skip("mounting a small disk is not permitted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    """A judge on this machine."""
    with serving() as judge:
        yield judge


HOLDS = """
import sys, time
from pathlib import Path
from slm.runs import Run
with Run(Path(sys.argv[1])).held():
    print("held", flush=True)
    time.sleep(600)
"""


def begin(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A process that has said its first word."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline()
    return process


@pytest.fixture
def holder(checkpoint: Checkpoint, runs: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds `tiny`."""
    process = begin(HOLDS, runs / "tiny")
    yield process
    process.kill()
    process.wait()
