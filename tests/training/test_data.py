"""Packed rows: each begins with a story, every token is read in each epoch, and the order is pure."""

from pathlib import Path

import numpy as np
import torch

from slm.stories.corpus import prepare
from slm.training.data import PackedSampler


def test_rows_begin_with_stories_and_an_epoch_reads_every_token(
    corpus: Path, tmp_path: Path
) -> None:
    train = prepare(str(corpus), d_vocab=512, n_ctx=24, cache=tmp_path / "cache").train
    rows = PackedSampler(train, 24, seed=0)
    starts = rows._starts
    assert set(starts.tolist()) >= {s for s in train.starts.tolist() if s < len(train.tokens) - 25}
    covered = np.zeros(len(train.tokens), dtype=bool)
    for start in starts:
        covered[start : start + 25] = True
    assert covered.all()
    epoch = rows.batch(0, len(rows))
    assert epoch.shape == (len(rows), 25)
    order = sorted(row.tolist() for row in epoch)
    assert order == sorted(np.asarray(train.tokens[s : s + 25]).tolist() for s in starts)


def test_a_step_reads_the_same_whatever_was_read_before(corpus: Path, tmp_path: Path) -> None:
    train = prepare(str(corpus), d_vocab=512, n_ctx=24, cache=tmp_path / "cache").train
    rows = PackedSampler(train, 24, seed=0)
    later = rows.batch(300, 4)
    rows.batch(2, 4)
    assert torch.equal(later, PackedSampler(train, 24, seed=0).batch(300, 4))
    assert not torch.equal(later, PackedSampler(train, 24, seed=1).batch(300, 4))
