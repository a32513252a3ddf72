"""Compute the cross-entropy of whole stories: nats per token, and bits per byte of their UTF-8 text."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float64, Int64

from slm.model import functional
from slm.model.weights import Weights
from slm.stories.tokenizer import Tokenizer
from slm.stories.windows import windows

TOKENS_AT_ONCE = 4096
IGNORED = -100  # a target that is not scored


@dataclass(frozen=True, kw_only=True)
class Loss:
    """The summed negative log-likelihood of stories, every token scored once, closing ENDs included.

    `loss` is nats per token; `bits_per_byte` is all bits over the bytes of the stories' text (END has no
    bytes), which compares models of different tokenizers.
    """

    stories: int
    tokens: int
    bytes: int
    nats: float

    @property
    def loss(self) -> float:
        """Return the mean cross-entropy in nats per token."""
        return self.nats / self.tokens

    @property
    def bits_per_byte(self) -> float:
        """Return bits per byte of UTF-8 text."""
        return self.nats / math.log(2) / self.bytes


def story_loss(weights: Weights, tokenizer: Tokenizer, stories: Sequence[Sequence[int]]) -> Loss:
    """Compute the loss of whole stories, each from its own beginning, as `story_nats` does."""
    nats = story_nats(weights, tokenizer, stories)
    return Loss(
        stories=len(stories),
        tokens=sum(map(len, nats)),
        bytes=sum(len(tokenizer.decode(list(story)).encode()) for story in stories),
        nats=float(sum(story.sum() for story in nats)),
    )


@torch.no_grad()
def story_nats(
    weights: Weights, tokenizer: Tokenizer, stories: Sequence[Sequence[int]]
) -> list[Float64[np.ndarray, "pos"]]:
    """Compute the negative log-likelihood in nats of each token of each story, its closing END last.

    A story is its token ids with END first and without a closing END (`Corpus.story`). One longer
    than the context is read in windows that overlap by half, so that each token is scored once, with at
    least half a context before it. Each story gives as many numbers as it has ids.
    """
    n_ctx = weights.config.n_ctx
    rows = [
        (index, *row)
        for index, story in enumerate(stories)
        for row in _windows(story, tokenizer.end, n_ctx)
    ]
    order = sorted(range(len(rows)), key=lambda place: len(rows[place][1]))
    found: dict[int, Float64[np.ndarray, "scored"]] = {}
    first = 0
    while first < len(order):
        last = first
        while (
            last < len(order) and (last + 1 - first) * len(rows[order[last]][1]) <= TOKENS_AT_ONCE
        ):
            last += 1
        last = max(last, first + 1)
        together = order[first:last]
        inputs = _stack([rows[place][1] for place in together], fill=tokenizer.end)
        targets = _stack([rows[place][2] for place in together], fill=IGNORED)
        logits = functional.logits(weights, inputs.to(weights.W_E.device)).flatten(0, 1)
        flat = targets.flatten().to(weights.W_E.device)
        nats = F.cross_entropy(logits, flat, ignore_index=IGNORED, reduction="none").view_as(
            targets
        )
        for place, costs, scored in zip(together, nats, targets != IGNORED, strict=True):
            found[place] = costs.cpu()[scored].double().numpy()
        first = last
    parts: list[list[Float64[np.ndarray, "scored"]]] = [[] for _ in stories]
    for place, (index, *_) in enumerate(rows):
        parts[index].append(found[place])
    return [np.concatenate(story) for story in parts]


def _windows(
    story: Sequence[int], end: int, n_ctx: int
) -> list[tuple[Int64[np.ndarray, "pos"], Int64[np.ndarray, "pos"]]]:
    """Return inputs and targets of each window; targets that another window scores are IGNORED."""
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
