"""How surprised a model is by stories: nats per token, and bits per byte of their UTF-8 text."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Int64

from slm.model import fast
from slm.model.weights import Weights
from slm.stories.tokenizer import Tokenizer
from slm.stories.windows import windows

TOKENS_AT_ONCE = 4096
IGNORED = -100  # a target that is not scored


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What the stories cost. Every token is scored once, the end of each story among them.

    `loss` is nats per token; `bits_per_byte` is all bits over the bytes of the stories' text
    (the end of a story has no bytes), and so compares models of different tokenizers.
    """

    stories: int
    tokens: int
    bytes: int
    nats: float

    @property
    def loss(self) -> float:
        """Nats per token."""
        return self.nats / self.tokens

    @property
    def bits_per_byte(self) -> float:
        """Bits per byte of UTF-8 text."""
        return self.nats / math.log(2) / self.bytes


@torch.no_grad()
def story_loss(weights: Weights, tokenizer: Tokenizer, stories: Sequence[Sequence[int]]) -> Loss:
    """Score whole stories, each from its own beginning.

    A story is its token ids with END first and without a closing END (`Corpus.story`). One longer
    than the context is read in windows that overlap by half, so that each token is scored once,
    with at least half a context before it.
    """
    n_ctx = weights.config.n_ctx
    rows = [row for story in stories for row in _windows(story, tokenizer.end, n_ctx)]
    rows.sort(key=lambda row: len(row[0]))
    nats, scored, first = 0.0, 0, 0
    while first < len(rows):
        last = first
        while last < len(rows) and (last + 1 - first) * len(rows[last][0]) <= TOKENS_AT_ONCE:
            last += 1
        last = max(last, first + 1)
        inputs = _stack([row[0] for row in rows[first:last]], fill=tokenizer.end)
        targets = _stack([row[1] for row in rows[first:last]], fill=IGNORED)
        logits = fast.logits(weights, inputs.to(weights.W_E.device)).flatten(0, 1)
        flat = targets.flatten().to(weights.W_E.device)
        nats += F.cross_entropy(logits, flat, ignore_index=IGNORED, reduction="sum").item()
        scored += int((flat != IGNORED).sum())
        first = last
    size = sum(len(tokenizer.decode(list(story[1:])).encode()) for story in stories)
    return Loss(stories=len(stories), tokens=scored, bytes=size, nats=nats)


def _windows(
    story: Sequence[int], end: int, n_ctx: int
) -> list[tuple[Int64[np.ndarray, "pos"], Int64[np.ndarray, "pos"]]]:
    """Inputs and targets of each window; a target that another window scores is IGNORED."""
    inputs = np.asarray(story, dtype=np.int64)
    targets = np.append(inputs[1:], end)
    found = []
    for window in windows(len(inputs), n_ctx):
        scored = targets[window.start : window.stop].copy()
        scored[: window.new - window.start] = IGNORED
        found.append((inputs[window.start : window.stop], scored))
    return found


def _stack(rows: list[Int64[np.ndarray, "_"]], fill: int) -> torch.Tensor:
    stacked = np.full((len(rows), max(len(row) for row in rows)), fill, dtype=np.int64)
    for row, values in zip(stacked, rows, strict=True):
        row[: len(values)] = values
    return torch.from_numpy(stacked)
