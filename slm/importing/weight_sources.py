"""Mapping of foreign tensors to weights; names and shapes are checked first."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from slm.errors import BadInput, shown
from slm.importing.tensors import FLOATS, ForeignTensors, TensorShape
from slm.model.config import ModelConfig
from slm.model.weights import Weights, empty


def identity(tensor: Tensor) -> Tensor:
    """Return the tensor unchanged."""
    return tensor


def transposed(tensor: Tensor) -> Tensor:
    """Transpose a matrix that multiplies from the left to one that multiplies from the right."""
    return tensor.T


@dataclass(frozen=True, kw_only=True, eq=False)
class TensorSource:
    """A foreign tensor: its name and the shape it must have, and how it becomes ours.

    `ours` is TransformerLens' name of what it fills.
    """

    ours: str
    name: str
    shape: TensorShape
    becomes: Callable[[Tensor], Tensor] = identity


KINDS = ", ".join(FLOATS)


def check_layer_count(config: ModelConfig, tensors: ForeignTensors) -> None:
    """Raise `BadInput` where there are fewer tensors than layers, before anything is made of a layer."""
    if config.n_layers > (many := len(tensors.shapes) + len(tensors.unread)):
        raise BadInput(f"{config.n_layers} layers do not lie in {many} tensors")


def check(
    sources: list[TensorSource], tensors: ForeignTensors, *, passed_over: str = r"(?!)"
) -> int:
    """Compare names and shapes; return how many numbers the foreign model has.

    `passed_over` matches names that hold nothing learned. Raises `BadInput` for a tensor that is
    missing, of another shape, or of no known use: then the model is of another kind than it says.
    """
    wanted = {source.name: source.shape for source in sources}
    if missing := [name for name in wanted if name not in tensors.shapes]:
        if (kind := tensors.unread.get(missing[0])) is not None:
            raise BadInput(f"{missing[0]!r} is stored as {kind}; numbers are read from {KINDS}")
        raise BadInput(f"the weights lack {missing[0]!r}")
    for name, shape in wanted.items():
        if tensors.shapes[name] != shape:
            raise BadInput(
                f"{name!r} must be {shape} by the configuration, not {tensors.shapes[name]}"
            )
    others = (name for name in tensors.shapes if name not in wanted)
    if unknown := [name for name in others if not re.fullmatch(passed_over, name)]:
        raise BadInput(f"the weights hold {shown(unknown[0])}, which a model of this kind has not")
    return sum(_size(shape) for shape in wanted.values())


@torch.no_grad()
def fill(config: ModelConfig, sources: list[TensorSource], tensors: ForeignTensors) -> Weights:
    """Fill weights of `config` from checked sources, with 0 where a parameter has none.

    Raises `BadInput` for a number that is none.
    """
    weights = empty(config)
    views = weights.named_views()
    for source in sources:
        tensor = tensors.read(source.name).float()
        if not bool(torch.isfinite(tensor).all()):
            raise BadInput(f"{source.name!r} holds numbers that are not finite")
        views[source.ours].copy_(source.becomes(tensor))
    return weights


def heads_per_key_head(config: ModelConfig, groups: int) -> int:
    """Return how many heads share a key and value head; `BadInput` where `groups` does not divide them."""
    if groups < 1 or config.n_heads % groups:
        raise BadInput(
            f"n_heads must be a multiple of its {groups} key heads, not {config.n_heads}"
        )
    return config.n_heads // groups


def _size(shape: TensorShape) -> int:
    total = 1
    for side in shape:
        total *= side
    return total
