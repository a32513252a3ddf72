"""Sample the token rows of each training step: a pure function of the seed and the step."""

import numpy as np
import torch
from jaxtyping import Int64, UInt16

from slm.errors import BadInput
from slm.stories.corpus import Corpus


class PackedSampler:
    """Sample rows of n_ctx + 1 packed tokens without replacement, shuffled anew each epoch.

    Every row starts where a story starts, or n_ctx tokens further into a long one, and runs on into the
    next stories; so a model learns stories from their first word. Every token is read at least once an
    epoch.
    """

    def __init__(self, corpus: Corpus, n_ctx: int, seed: int) -> None:
        if len(corpus.tokens) < n_ctx + 1:
            raise BadInput(
                f"a corpus must be longer than one context of {n_ctx} tokens, "
                f"not {len(corpus.tokens)}"
            )
        self._tokens, self._n_ctx, self._seed = corpus.tokens, n_ctx, seed
        ends = np.append(corpus.starts[1:], len(corpus.tokens) - 1)
        rows_of_story = -(-(ends - corpus.starts) // n_ctx)
        first = np.repeat(corpus.starts, rows_of_story)
        nth = np.arange(len(first)) - np.repeat(
            np.cumsum(rows_of_story) - rows_of_story, rows_of_story
        )
        self._starts = np.minimum(first + nth * n_ctx, len(corpus.tokens) - n_ctx - 1)
        self._epoch, self._order = -1, np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        """Count the rows of an epoch."""
        return len(self._starts)

    def batch(self, step: int, size: int) -> Int64[torch.Tensor, "row pos_plus_one"]:
        """Return the rows of step `step` (counted from 0)."""
        rows = [self._row(step * size + index) for index in range(size)]
        return torch.from_numpy(np.stack(rows).astype(np.int64))

    def _row(self, index: int) -> UInt16[np.ndarray, "pos_plus_one"]:
        epoch, place = divmod(index, len(self._starts))
        if epoch != self._epoch:
            generator = np.random.default_rng([self._seed, epoch])
            self._epoch, self._order = epoch, generator.permutation(len(self._starts))
        start = self._starts[self._order[place]]
        return self._tokens[start : start + self._n_ctx + 1]
