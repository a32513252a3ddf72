"""Which tokens each training step reads: a pure function of the seed and the step."""

import numpy as np
import torch
from jaxtyping import Int64

from slm.errors import BadInput
from slm.stories.corpus import Corpus


class Rows:
    """Rows of n_ctx + 1 tokens, each beginning where a story begins, in a new order each epoch.

    A model is always asked about stories from their first word, so that is how it reads them. A
    story longer than a row goes on in a row of its own; a shorter one is followed by its neighbour.
    Every token is read at least once an epoch.
    """

    def __init__(self, corpus: Corpus, n_ctx: int, seed: int) -> None:
        self._tokens, self._n_ctx, self._seed = corpus.tokens, n_ctx, seed
        ends = np.append(corpus.starts[1:], len(corpus.tokens) - 1)
        rows_of_story = -(-(ends - corpus.starts) // n_ctx)
        first = np.repeat(corpus.starts, rows_of_story)
        nth = np.arange(len(first)) - np.repeat(
            np.cumsum(rows_of_story) - rows_of_story, rows_of_story
        )
        self._starts = np.minimum(first + nth * n_ctx, len(corpus.tokens) - n_ctx - 1)
        if len(corpus.tokens) < n_ctx + 1:
            raise BadInput(
                f"a corpus must be longer than one context of {n_ctx} tokens, "
                f"not {len(corpus.tokens)}"
            )
        self._epoch, self._order = -1, np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        """Rows in an epoch."""
        return len(self._starts)

    def batch(self, step: int, size: int) -> Int64[torch.Tensor, "row pos_plus_one"]:
        """The rows that step `step` (counted from 0) reads."""
        rows = [self._row(step * size + index) for index in range(size)]
        return torch.from_numpy(np.stack(rows).astype(np.int64))

    def _row(self, index: int) -> np.ndarray:
        epoch, place = divmod(index, len(self._starts))
        if epoch != self._epoch:
            generator = np.random.default_rng([self._seed, epoch])
            self._epoch, self._order = epoch, generator.permutation(len(self._starts))
        start = self._starts[self._order[place]]
        return self._tokens[start : start + self._n_ctx + 1]
