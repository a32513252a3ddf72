"""How cost grows: with the corpus, the context, the width, the layers, the checkpoints.

The last column is the exponent between the first row and the last: 1 is proportional, 2 quadratic.
"""

import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import torch

from slm.model.config import ModelConfig
from slm.model.weights import initialise
from slm.recipe import Recipe
from slm.runs import Metric, Run, RunInfo
from slm.stories import nursery
from slm.stories.tokenizer import END
from slm.training.trainer import Trainer

BASE = ModelConfig(d_model=64, n_layers=4, n_heads=4, d_vocab=4096)
ROUNDS = 3
PREPARE = """
import resource, sys, time
from pathlib import Path
from slm.stories.corpus import prepare
if __name__ == "__main__":
    began = time.perf_counter()
    prepare(sys.argv[1], cache=Path(sys.argv[2]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(time.perf_counter() - began, peak)
"""


def run() -> str:
    """A table for each thing that can grow."""
    return "\n".join((corpus(), context(), width(), layers(), checkpoints()))


def corpus() -> str:
    """Preparing nursery text: a tokenizer is learned, every story cleaned, encoded and packed."""
    rows = []
    for megabytes in (4, 16, 64):
        with tempfile.TemporaryDirectory() as folder:
            text = Path(folder) / "stories.txt"
            _write_stories(text, megabytes * 1_000_000)
            answer = subprocess.run(
                [sys.executable, "-c", PREPARE, str(text), folder],
                capture_output=True,
                text=True,
                check=True,
            )
            seconds, peak = answer.stdout.split()
            rows.append((megabytes, float(seconds), f"{peak} MB of memory"))
    return _table("Preparing a corpus", "MB of text", rows)


def context() -> str:
    """A training step of as many tokens, in longer and longer rows."""
    sizes = (64, 128, 256, 512)
    return _table(
        "A training step of 4096 tokens",
        "tokens in a row",
        [(n, _step(replace(BASE, n_ctx=n), 4096 // n), "") for n in sizes],
    )


def width() -> str:
    """A training step at several widths; heads stay 16 wide."""
    sizes = (64, 128, 256)
    shapes = [replace(BASE, d_model=d, n_heads=d // 16) for d in sizes]
    return _table(
        "A training step, 16 x 256 tokens",
        "width",
        [(d, _step(shape, 16), "") for d, shape in zip(sizes, shapes, strict=True)],
    )


def layers() -> str:
    """A training step at several depths."""
    sizes = (1, 2, 4, 8)
    return _table(
        "A training step, 16 x 256 tokens",
        "layers",
        [(n, _step(replace(BASE, n_layers=n), 16), "") for n in sizes],
    )


def checkpoints() -> str:
    """Opening a run: its description, steps and metrics."""
    rows = []
    for count in (10, 100, 1000):
        with tempfile.TemporaryDirectory() as folder:
            run = Run(Path(folder) / "run")
            run.write_info(RunInfo(config=BASE, recipe=asdict(Recipe()), corpus={}))
            (run.path / "checkpoints").mkdir()
            for step in range(count):
                (run.path / "checkpoints" / f"{step:08}.safetensors").touch()
                run.add_metric(Metric(step=step, tokens=step, seconds=1.0, train_loss=2.0))
            rows.append((count, _best(partial(_open, run)), ""))
    return _table("Opening a run", "checkpoints", rows)


def _open(run: Run) -> None:
    _ = run.info, run.steps, run.metrics()


def _write_stories(path: Path, size: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        index = 0
        while file.tell() < size:
            file.write(f"{nursery.story(0, index).text}\n{END}\n")
            index += 1


def _step(config: ModelConfig, batch: int) -> float:
    trainer = Trainer(initialise(config, 0), Recipe(batch=batch))
    rows = torch.randint(0, config.d_vocab, (batch, config.n_ctx + 1))
    return _best(lambda: trainer.step(rows, 0.01))


def _best(work: Callable[[], object]) -> float:
    work()
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def _table(title: str, what: str, rows: Sequence[tuple[int, float, str]]) -> str:
    (first, least, _), (last, most, _) = rows[0], rows[-1]
    exponent = math.log(most / least) / math.log(last / first)
    lines = [f"### {title}", "", f"| {what} | seconds | relative | |", "|---|---|---|---|"]
    lines += [f"| {n} | {s:.4f} | {s / least:.2f} | {note} |" for n, s, note in rows]
    return "\n".join([*lines, "", f"Grows with exponent {exponent:.2f}.", ""])
