"""A run that reads nursery stories, with two checkpoints that learnt nothing."""

from pathlib import Path

import pytest

from slm.model.config import ModelConfig
from slm.model.weights import initialise
from slm.runs import Metric, Run, RunInfo
from tests.interp.nursery_models import nursery_tokenizer


@pytest.fixture
def untrained(runs: Path) -> Run:
    """Steps 0 and 8 of a random 16x1x2 model, called `untrained`."""
    tokenizer = nursery_tokenizer()
    config = ModelConfig(d_model=16, n_layers=1, n_heads=2, d_vocab=tokenizer.d_vocab, n_ctx=256)
    run = Run(runs / "untrained")
    tokenizer.save(run.path / "tokenizer.json")
    run.write_info(RunInfo(config=config, status="finished"))
    for step in (0, 8):
        run.save_checkpoint(initialise(config, step), step)
        run.add_metric(
            Metric(
                step=step,
                tokens=100 * step,
                seconds=float(step),
                train_loss=7.0,
                val_loss=7.0,
                val_bits_per_byte=3.0,
            )
        )
    return run
