"""Packed rows: each begins with a story, every token is read in each epoch, and the order is pure."""

from pathlib import Path

import numpy as np
import pytest
import torch

from slm.errors import BadInput
from slm.stories.corpus import Corpus, prepare
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


def test_every_epoch_reads_all_rows_in_an_order_of_its_own(corpus: Path, tmp_path: Path) -> None:
    train = prepare(str(corpus), d_vocab=512, n_ctx=24, cache=tmp_path / "cache").train
    sampler = PackedSampler(train, 24, seed=0)
    first, second, third = (sampler.batch(epoch, len(sampler)).tolist() for epoch in range(3))
    assert sorted(first) == sorted(second) == sorted(third)
    assert first != second != third != first
    in_order = [np.asarray(train.tokens[s : s + 25]).tolist() for s in sampler._starts]
    assert first != in_order
    moved = sum(a != b for a, b in zip(first, second, strict=True))
    assert moved > 0.9 * len(sampler)


def test_a_step_that_crosses_an_epochs_end_reads_the_last_rows_and_the_first_of_the_next(
    corpus: Path, tmp_path: Path
) -> None:
    train = prepare(str(corpus), d_vocab=512, n_ctx=24, cache=tmp_path / "cache").train
    sampler = PackedSampler(train, 24, seed=0)
    epochs = [row for epoch in range(2) for row in sampler.batch(epoch, len(sampler)).tolist()]
    size = len(sampler) - 3
    assert sampler.batch(1, size).tolist() == epochs[size : 2 * size]


def test_a_corpus_that_fills_no_row_is_refused(corpus: Path, tmp_path: Path) -> None:
    train = prepare(str(corpus), d_vocab=512, n_ctx=24, cache=tmp_path / "cache").train
    tokens = len(train.tokens)
    with pytest.raises(BadInput, match=f"one context of {tokens} tokens, not {tokens}"):
        PackedSampler(train, tokens, seed=0)
    assert len(PackedSampler(train, tokens - 1, seed=0)) >= 1


def test_rows_of_two_stories_begin_as_worked_out_by_hand() -> None:
    tokens, starts = np.arange(12, dtype=np.uint16), np.array([0, 5])
    sampler = PackedSampler(Corpus(tokens=tokens, starts=starts, n_bytes=12, hash=""), 5, seed=0)
    # the second story's six tokens need two rows; the last row ends where the corpus does
    assert sampler._starts.tolist() == [0, 5, 6]
