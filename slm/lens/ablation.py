"""What a prediction loses without a head: every head of every layer switched off, in one pass."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from slm.errors import BadInput
from slm.model import fast
from slm.runs import Address, Checkpoint
from slm.stories import shipped

Replacement = Literal["zero", "mean"]

POSITIONS_AT_ONCE = 4096
"""Positions (rows x tokens) that are run together."""


@dataclass(frozen=True, kw_only=True, eq=False)
class HeadAblation:
    """A word's log-probability (nats), with every head at work and without each of them.

    `without[layer, head]` is what `whole` becomes when that head's output (`hook_z`) is replaced at
    every position.
    """

    address: Address
    replacement: Replacement
    prompt: tuple[str, ...]
    word: str
    whole: float
    without: Float[np.ndarray, "layer head"]

    @property
    def loss(self) -> Float[np.ndarray, "layer head"]:
        """Nats that each head gives the word; below 0 where it speaks against it."""
        return self.whole - self.without


@torch.no_grad()
def ablate_heads(
    checkpoint: Checkpoint, tokens: Sequence[int], replacement: Replacement = "mean"
) -> HeadAblation:
    """Switch off each head in turn while the model predicts the last of `tokens` (END first).

    A row for each head branches off from the whole model where that head has written, and goes
    through the rest of it: nothing before has changed. Heads are replaced by zeros, or by their mean
    over the shipped stories. Raises `BadInput` where there is nothing to predict or no room.
    """
    config, weights = checkpoint.config, checkpoint.weights
    if not 2 <= len(tokens) <= config.n_ctx + 1:
        raise BadInput(
            f"a prompt and a word take 2 to {config.n_ctx + 1} tokens, not {len(tokens)}"
        )
    means = torch.zeros(config.n_layers, config.n_heads, config.d_head)
    if replacement == "mean":
        means = mean_outputs(checkpoint, [story.text for story in shipped.stories()])

    rows = fast.embed(weights, torch.tensor([list(tokens[:-1])]))  # the first stays whole
    for layer, block in enumerate(weights.blocks):
        taps = fast.Taps([f"blocks.{layer}.attn.hook_z"])
        whole = fast.add_attention(weights, layer, rows[:1], tap=taps)
        others = _by_parts(partial(fast.add_attention, weights, layer), rows[1:])
        (z,) = taps.acts.values()
        W_O = block.W_O.view(config.n_heads, config.d_head, config.d_model)
        lost = torch.einsum("phd,hdm->hpm", z[0] - means[layer], W_O)
        rows = torch.cat([whole, others, whole - lost])
        if layer == config.n_layers - 1:
            rows = rows[:, -1:]  # the place where the word is predicted
        rows = _by_parts(partial(fast.add_mlp, weights, layer), rows)
    logits = fast.unembed(weights, fast.final_norm(weights, rows)[:, 0])
    found = logits.log_softmax(-1)[:, tokens[-1]]
    *prompt, word = checkpoint.tokenizer.pieces(tokens)
    return HeadAblation(
        address=checkpoint.address,
        replacement=replacement,
        prompt=tuple(prompt),
        word=word,
        whole=float(found[0]),
        without=found[1:].view(config.n_layers, config.n_heads).numpy(),
    )


@torch.no_grad()
def mean_outputs(
    checkpoint: Checkpoint, texts: Sequence[str]
) -> Float[Tensor, "layer head d_head"]:
    """The mean of each head's output (`hook_z`) over every position of these stories."""
    config = checkpoint.config
    names = [f"blocks.{layer}.attn.hook_z" for layer in range(config.n_layers)]
    total = torch.zeros(config.n_layers, config.n_heads, config.d_head)
    count = 0
    for text in texts:
        tokens = checkpoint.tokenizer.encode_story(text)[: config.n_ctx]
        taps = fast.Taps(names)
        fast.hidden(checkpoint.weights, torch.tensor([tokens]), tap=taps)
        total += torch.stack([taps.acts[name][0].sum(0) for name in names])
        count += len(tokens)
    return total / count


def _by_parts(step: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
    """`step` of a few rows at a time, so that what it computes stays in the processor's cache."""
    size = max(1, POSITIONS_AT_ONCE // rows.shape[1])
    return torch.cat([step(part) for part in rows.split(size)]) if len(rows) else rows
