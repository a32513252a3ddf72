"""Activations of neurons along stories, and their extremes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from slm.errors import BadInput
from slm.model import functional
from slm.model.config import ModelConfig
from slm.model.weights import Block
from slm.runs import Checkpoint
from slm.stories.windows import windows

KEPT = 20
STORIES_AT_ONCE = 16
CONTEXT = 12
"""Tokens shown on either side of an exciting one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """A place where a neuron is at its most (or least) excited, in its story.

    `values[i]` is the neuron's `ranked_hook` on `str_tokens[i]` (END comes first), and `activations[i]`
    its `hook_post` there: for an ungated neuron the act function of the value, else the same.
    """

    story: int
    position: int
    str_tokens: tuple[str, ...]
    values: Float[np.ndarray, "pos"]
    activations: Float[np.ndarray, "pos"]

    @property
    def value(self) -> float:
        """By which the place was chosen."""
        return float(self.values[self.position])

    @property
    def activation(self) -> float:
        """The neuron's `hook_post` at the position."""
        return float(self.activations[self.position])

    def context(self) -> tuple[str, ...]:
        """Return the tokens around the position."""
        return self.str_tokens[max(0, self.position - CONTEXT) : self.position + CONTEXT + 1]

    def to_json(self) -> dict[str, Any]:
        """Return the place with the tokens around it as plain values."""
        return {
            "story": self.story,
            "position": self.position,
            "value": self.value,
            "activation": self.activation,
            "token": self.str_tokens[self.position],
            "context": "".join(self.context()),
        }


def ranked_hook(config: ModelConfig) -> Literal["hook_pre", "hook_post"]:
    """Name the MLP hook by which places and neurons are ranked.

    GELU and SiLU are not monotone: they bring a strongly inhibited neuron (pre-activation -5) back
    to -0.000001, above a mildly inhibited one (-0.7, at -0.17), and ReLU calls both 0. So an ungated
    neuron is ranked by its pre-activation, `hook_pre`; where that is above 0 it orders places as the
    activation does, and the neuron fires where it is above 0 by either. A gated neuron's activation
    is a product, act(`hook_pre`) times the linear half, and is ranked as it is, `hook_post`.
    """
    return "hook_post" if config.gated_mlp else "hook_pre"


def ranked_name(config: ModelConfig) -> Literal["pre-activation", "activation"]:
    """Say what `ranked_hook` holds."""
    return "activation" if config.gated_mlp else "pre-activation"


def activations(
    checkpoint: Checkpoint, stories: Sequence[Sequence[int]], layers: Sequence[int] | None = None
) -> list[Float[Tensor, "layer pos d_mlp"]]:
    """Compute `ranked_hook` of every neuron at every position of each story (token ids, END first).

    Of all layers, or of `layers` alone, as `along` reads them.
    """
    return along(checkpoint, stories, f"mlp.{ranked_hook(checkpoint.config)}", layers)


@torch.no_grad()
def along(
    checkpoint: Checkpoint,
    stories: Sequence[Sequence[int]],
    hook: str,
    layers: Sequence[int] | None = None,
) -> list[Float[Tensor, "layer pos width"]]:
    """Compute `blocks.L.{hook}` at every position of each story (token ids, END first).

    What comes after the last of `layers` is not computed. All stories of one call share a batch.
    Positions past the context are read in windows that overlap by half; padding is read along and cut
    off.
    """
    config, weights = checkpoint.config, checkpoint.weights
    layers = range(config.n_layers) if layers is None else layers
    names = [f"blocks.{layer}.{hook}" for layer in layers]
    parts = [
        (index, window)
        for index, story in enumerate(stories)
        for window in windows(len(story), config.n_ctx)
    ]
    longest = max(window.stop - window.start for _, window in parts)
    rows = torch.full((len(parts), longest), checkpoint.tokenizer.end)
    for row, (index, window) in zip(rows, parts, strict=True):
        ids = torch.tensor(list(stories[index][window.start : window.stop]))
        row[: len(ids)] = ids
    cache = functional.ActivationCache(names)
    x = functional.embed(weights, rows)
    for layer in range(max(layers) + 1):
        x = functional.add_attention(weights, layer, x)
        x = functional.add_mlp(weights, layer, x, hook=cache)
    acts = torch.stack([cache[name] for name in names])
    found: list[list[Tensor]] = [[] for _ in stories]
    for row, (index, window) in enumerate(parts):
        found[index].append(acts[:, row, window.new - window.start : window.stop - window.start])
    return [torch.cat(str_tokens, dim=1) for str_tokens in found]


@torch.no_grad()
def reading(
    config: ModelConfig, block: Block, stream: Float[Tensor, "place d_model"]
) -> Float[Tensor, "place d_mlp"]:
    """Compute a block's `ranked_hook` from the residual stream `hook_resid_mid`."""
    pre, post = functional.mlp_activations(config, block, stream)
    return post if config.gated_mlp else pre


def fired(config: ModelConfig, acts: Float[Tensor, "*at"]) -> Float[Tensor, "*at"]:
    """Compute `hook_post` where the neuron fires and 0 elsewhere, from its `ranked_hook`."""
    above = acts.clamp(min=0)
    return above if config.gated_mlp else functional.ACTIVATIONS[config.act_fn](above)


def examples(
    checkpoint: Checkpoint,
    stories: Sequence[str],
    *,
    layer: int,
    neuron: int,
    k: int = KEPT,
    strongest: bool = True,
) -> list[Example]:
    """Find the k stories with the highest (or lowest) activation of a neuron, each at its extreme token.

    Raises `BadInput` for a layer or neuron that the model does not have.
    """
    check_neuron(checkpoint, layer, neuron)
    found: list[Example] = []
    for first in range(0, len(stories), STORIES_AT_ONCE):
        tokens = [
            checkpoint.tokenizer.encode_story(story)
            for story in stories[first : first + STORIES_AT_ONCE]
        ]
        for index, acts in enumerate(activations(checkpoint, tokens, [layer])):
            found.append(
                example_of(checkpoint, first + index, tokens[index], acts[0, :, neuron], strongest)
            )
    found.sort(key=lambda example: -example.value if strongest else example.value)
    return found[:k]


def example_of(
    checkpoint: Checkpoint,
    story: int,
    tokens: Sequence[int],
    values: Float[Tensor, "pos"],
    strongest: bool,
) -> Example:
    """Return the position in `tokens` (a story, END first) where `values` are highest or lowest."""
    config = checkpoint.config
    act = values if config.gated_mlp else functional.ACTIVATIONS[config.act_fn](values)
    return Example(
        story=story,
        position=int(values.argmax() if strongest else values.argmin()),
        str_tokens=tuple(checkpoint.tokenizer.to_str_tokens(tokens)),
        values=values.numpy().copy(),
        activations=act.numpy().copy(),
    )


def check_neuron(checkpoint: Checkpoint, layer: int, neuron: int) -> None:
    """Raise `BadInput` for a layer or neuron that the model does not have."""
    config = checkpoint.config
    if not 0 <= layer < config.n_layers:
        raise BadInput(f"layer must lie in 0 to {config.n_layers - 1}, not {layer}")
    if not 0 <= neuron < config.d_mlp:
        raise BadInput(f"neuron must lie in 0 to {config.d_mlp - 1}, not {neuron}")
