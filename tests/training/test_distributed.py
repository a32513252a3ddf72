"""Two processes that train one model together take the steps that one would take alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from slm.cli import main
from slm.errors import BadInput
from slm.runs import load_checkpoint, open_run
from slm.training.distributed import ProcessGroup

HOW = ["--shape", "16x1x2", "--vocab", "512", "--context", "48", "--batch", "8"]
BUDGET = ["--tokens", "4608", "--checkpoints", "3", "--precision", "float32"]  # 12 steps


def test_two_processes_follow_the_losses_of_one(corpus: Path, runs: Path) -> None:
    how = ["--corpus", str(corpus), *HOW, *BUDGET]
    assert main(["train", "--name", "alone", *how]) == 0
    together = subprocess.run(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--nproc-per-node",
            "2",
            "--standalone",
            "-m",
            "slm",
            "train",
            "--name",
            "together",
            *how,
        ],
        env={**os.environ, "SLM_RUNS": str(runs), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert together.returncode == 0, together.stderr[-2000:]
    one, two = open_run("alone"), open_run("together")
    assert two.status == "finished" and two.steps == one.steps
    for ours, theirs in zip(two.metrics(), one.metrics(), strict=True):
        assert ours.step == theirs.step
        assert ours.train_loss == pytest.approx(theirs.train_loss, abs=1e-3)
        assert ours.val_loss == pytest.approx(theirs.val_loss, abs=1e-3)
    difference = load_checkpoint("together").weights.W_E - load_checkpoint("alone").weights.W_E
    assert difference.abs().max() < 0.01


def test_a_batch_that_cannot_be_shared_evenly_is_refused() -> None:
    with pytest.raises(BadInput, match="multiple of the 3 processes, not 16"):
        ProcessGroup(0, 3).check_batch(16)
