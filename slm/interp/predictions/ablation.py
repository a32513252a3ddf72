"""Ablation effects on a prediction of every head, or of every neuron of a layer.

Each part is replaced at every position; one row of a batch for each, and only what comes after the
part is computed again.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from slm.errors import BadInput
from slm.model import functional
from slm.progress import Progress, result_of
from slm.runs import Address, Checkpoint
from slm.stories import shipped

Replacement = Literal["mean", "zero", "resample"]
"""What a part says instead: its mean over the shipped stories, nothing, or what it says at the same
position of another shipped story (the log-probabilities with `DRAWS` such stories are averaged)."""
Z, POST = "attn.hook_z", "mlp.hook_post"

DRAWS = 4
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

    def to_json(self) -> dict[str, Any]:
        """Return the ablation effect of every head as plain values."""
        return {
            "address": str(self.address),
            "word": self.word,
            "replacement": self.replacement,
            "log_probability": self.whole,
            "unit": "nats that each part gives the word",
            "heads": self.loss.round(6).tolist(),
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class NeuronAblation:
    """A word's log-probability (nats), with all neurons at work and without each one of a layer."""

    address: Address
    replacement: Replacement
    layer: int
    word: str
    whole: float
    without: Float[np.ndarray, "neuron"]

    @property
    def loss(self) -> Float[np.ndarray, "neuron"]:
        """Nats that each neuron gives the word; below 0 where it speaks against it."""
        return self.whole - self.without

    def to_json(self) -> dict[str, Any]:
        """Return the ablation effect of every neuron of the layer as plain values."""
        return {"layer": self.layer, "loss": self.loss.round(6).tolist()}


@torch.no_grad()
def ablate_heads(
    checkpoint: Checkpoint, tokens: Sequence[int], replacement: Replacement = "mean", seed: int = 0
) -> HeadAblation:
    """Switch off each head in turn while the model predicts the last of `tokens` (END first).

    A row for each head branches off from the whole model where that head has written, and goes
    through the rest of it: nothing before has changed. Raises `BadInput` where there is nothing to
    predict or no room.
    """
    config = checkpoint.config
    _check_room(checkpoint, tokens)
    found = torch.stack(
        [
            _without_heads(checkpoint, tokens, instead)
            for instead in _replacements(checkpoint, Z, replacement, tokens[:-1], seed)
        ]
    ).mean(0)
    *prompt, word = checkpoint.tokenizer.to_str_tokens(tokens)
    return HeadAblation(
        address=checkpoint.address,
        replacement=replacement,
        prompt=tuple(prompt),
        word=word,
        whole=float(found[0]),
        without=found[1:].view(config.n_layers, config.n_heads).numpy(),
    )


def ablate_neurons(
    checkpoint: Checkpoint,
    tokens: Sequence[int],
    layer: int,
    replacement: Replacement = "mean",
    seed: int = 0,
) -> NeuronAblation:
    """Switch off each neuron of `layer` in turn while the model predicts the last of `tokens`.

    Raises `BadInput` where there is no such layer, nothing to predict or no room.
    """
    return result_of(ablating_neurons(checkpoint, tokens, layer, replacement, seed))


def ablating_neurons(
    checkpoint: Checkpoint,
    tokens: Sequence[int],
    layer: int,
    replacement: Replacement = "mean",
    seed: int = 0,
) -> Generator[Progress, None, NeuronAblation]:
    """`ablate_neurons`, a batch at a time: returns what was found."""
    _check_room(checkpoint, tokens)
    if not 0 <= layer < (layers := checkpoint.config.n_layers):
        raise BadInput(f"a layer lies between 0 and {layers - 1}, not at {layer}")
    with torch.no_grad():
        instead = list(_replacements(checkpoint, POST, replacement, tokens[:-1], seed))
    found = []
    for index, acts in enumerate(instead):
        rows: list[Tensor] = []
        for some in _without_neurons(checkpoint, tokens, layer, acts[layer]):
            rows.append(some)
            done = (sum(map(len, rows)) - 1) / checkpoint.config.d_mlp
            yield Progress(
                doing=f"switching off each neuron of layer {layer}",
                share=(index + done) / len(instead),
            )
        found.append(torch.cat(rows))
    mean = torch.stack(found).mean(0)
    return NeuronAblation(
        address=checkpoint.address,
        replacement=replacement,
        layer=layer,
        word=checkpoint.tokenizer.to_str_tokens(tokens)[-1],
        whole=float(mean[0]),
        without=mean[1:].numpy(),
    )


def _check_room(checkpoint: Checkpoint, tokens: Sequence[int]) -> None:
    n_ctx = checkpoint.config.n_ctx
    if not 2 <= len(tokens) <= n_ctx + 1:
        raise BadInput(f"a prompt and a word take 2 to {n_ctx + 1} tokens, not {len(tokens)}")


def _without_heads(
    checkpoint: Checkpoint, tokens: Sequence[int], instead: Float[Tensor, "layer #pos head d_head"]
) -> Float[Tensor, "row"]:
    """Compute the last token's log-probability: clean, then with each head ablated."""
    config, weights = checkpoint.config, checkpoint.weights
    rows = functional.embed(weights, torch.tensor([list(tokens[:-1])]))  # the first stays whole
    for layer, block in enumerate(weights.blocks):
        cache = functional.ActivationCache([f"blocks.{layer}.{Z}"])
        whole = functional.add_attention(weights, layer, rows[:1], hook=cache)
        others = _by_parts(partial(functional.add_attention, weights, layer), rows[1:])
        (z,) = cache.values()
        W_O = block.W_O.view(config.n_heads, config.d_head, config.d_model)
        lost = torch.einsum("phd,hdm->hpm", z[0] - instead[layer], W_O)
        rows = torch.cat([whole, others, whole - lost])
        if layer == config.n_layers - 1:
            rows = rows[:, -1:]  # the place where the word is predicted
        rows = _by_parts(partial(functional.add_mlp, weights, layer), rows)
    return _said(checkpoint, rows, tokens[-1])


@torch.no_grad()
def _without_neurons(
    checkpoint: Checkpoint,
    tokens: Sequence[int],
    layer: int,
    instead: Float[Tensor, "#pos neuron"],
) -> Iterator[Float[Tensor, "row"]]:
    """Yield the last token's log-probability: clean, then with each neuron of a layer ablated."""
    weights = checkpoint.weights
    x = functional.embed(weights, torch.tensor([list(tokens[:-1])]))
    for before in range(layer):
        x = functional.add_mlp(weights, before, functional.add_attention(weights, before, x))
    cache = functional.ActivationCache([f"blocks.{layer}.{POST}"])
    whole = functional.add_mlp(
        weights, layer, functional.add_attention(weights, layer, x), hook=cache
    )
    (post,) = cache.values()
    change = (post[0] - instead).T  # [neuron pos]
    if layer == checkpoint.config.n_layers - 1:
        whole, change = whole[:, -1:], change[:, -1:]  # the place where the word is predicted
    at_once = max(1, POSITIONS_AT_ONCE // whole.shape[1])
    yield _rest(checkpoint, layer, whole, tokens[-1])
    W_out = weights.blocks[layer].W_out
    for some, directions in zip(change.split(at_once), W_out.split(at_once), strict=True):
        rows = whole - some[:, :, None] * directions[:, None]
        yield _rest(checkpoint, layer, rows, tokens[-1])


def _rest(
    checkpoint: Checkpoint, layer: int, rows: Float[Tensor, "row pos d_model"], word: int
) -> Float[Tensor, "row"]:
    """Compute the log-probability of `word` from the residual streams after `layer`."""
    weights = checkpoint.weights
    last = checkpoint.config.n_layers - 1
    for after in range(layer + 1, last + 1):
        rows = functional.add_attention(weights, after, rows)
        rows = functional.add_mlp(weights, after, rows[:, -1:] if after == last else rows)
    return _said(checkpoint, rows, word)


def _said(
    checkpoint: Checkpoint, rows: Float[Tensor, "row pos d_model"], word: int
) -> Float[Tensor, "row"]:
    """Compute the log-probability of `word` after the last position of each row."""
    final = functional.ln_final(checkpoint.weights, rows[:, -1])
    return functional.unembed(checkpoint.weights, final).log_softmax(-1)[:, word]


def _replacements(
    checkpoint: Checkpoint, hook: str, replacement: Replacement, prompt: Sequence[int], seed: int
) -> Iterator[Float[Tensor, "layer #pos *unit"]]:
    """Yield what replaces a hook's output: zero, the mean, or several resampled outputs."""
    texts = [checkpoint.tokenizer.readable(story.text) for story in shipped.stories()]
    if replacement == "resample":
        draw, length = np.random.default_rng(seed), len(prompt)
        encode = checkpoint.tokenizer.encode_story
        others = [text for text in texts if encode(text)[:length] != list(prompt)]
        if len(others) < DRAWS:
            raise BadInput(
                f"what parts say in other stories cannot stand in for what they say here: "
                f"{len(texts) - len(others)} of {len(texts)} shipped stories begin with this prompt"
            )
        for chosen in draw.choice(len(others), DRAWS, replace=False):
            acts = _outputs(checkpoint, others[chosen], hook)
            there = np.arange(length)  # past the other story's end, any of its positions
            there = np.where(
                there < acts.shape[1], there, draw.integers(acts.shape[1], size=length)
            )
            yield acts[:, torch.from_numpy(there)]
        return
    if replacement == "mean":
        yield mean_outputs(checkpoint, texts, hook)[:, None]
    else:
        yield torch.zeros_like(_outputs(checkpoint, texts[0], hook)[:, :1])


@torch.no_grad()
def mean_outputs(
    checkpoint: Checkpoint, texts: Sequence[str], hook: str = Z
) -> Float[Tensor, "layer *unit"]:
    """Average a hook's output (heads' z by default) over every position of these stories."""
    total, count = torch.zeros(()), 0
    for text in texts:
        acts = _outputs(checkpoint, text, hook)
        total, count = total + acts.sum(1), count + acts.shape[1]
    return total / count


def _outputs(checkpoint: Checkpoint, text: str, hook: str) -> Float[Tensor, "layer pos *unit"]:
    """Return a hook's output in every layer along a story, cut to the context."""
    names = [f"blocks.{layer}.{hook}" for layer in range(checkpoint.config.n_layers)]
    tokens = checkpoint.tokenizer.encode_story(text)[: checkpoint.config.n_ctx]
    cache = functional.ActivationCache(names)
    functional.hidden(checkpoint.weights, torch.tensor([tokens]), hook=cache)
    return torch.stack([cache[name][0] for name in names])


def _by_parts(step: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
    """`step` of a few rows at a time, so that what it computes stays in the processor's cache."""
    size = max(1, POSITIONS_AT_ONCE // rows.shape[1])
    return torch.cat([step(part) for part in rows.split(size)]) if len(rows) else rows
