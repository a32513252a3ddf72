"""Products with matrices that a float16 holds exactly, as it does those of every saved checkpoint.

A token that is drawn reads every weight once. Where a model is too large to stay in the processor's
cache, reading takes the time, and half as many bytes take half of it. Numbers are multiplied and added
up in float32, so what is computed is the same.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from slm.model.fast import Addmm
from slm.model.weights import Weights

LARGE = 1 << 21
"""Weights from which on a model is read from memory again for each token (8 MB in float32)."""


def products(weights: Weights) -> Addmm:
    """How to multiply by a model's matrices when few rows are. Of the weights as they are now."""
    large = sum(matrix.numel() for matrix in _matrices(weights)) >= LARGE
    return Halves(weights).addmm if large else torch.addmm


class Halves:
    """A model's matrices packed as float16; those that would lose anything stay as they are."""

    def __init__(self, weights: Weights) -> None:
        self._packed: dict[int, torch.ScriptObject] = {}
        if "fbgemm" not in torch.backends.quantized.supported_engines:  # it is x86's
            return
        for matrix in _matrices(weights):
            if matrix.device.type == "cpu" and torch.equal(matrix.half().float(), matrix):
                packed = torch.ops.quantized.linear_prepack_fp16(matrix.T.contiguous(), None)
                self._packed[matrix.data_ptr()] = packed

    def addmm(
        self,
        bias: Float[Tensor, "out"],
        x: Float[Tensor, "row in"],
        matrix: Float[Tensor, "in out"],
    ) -> Float[Tensor, "row out"]:
        """`torch.addmm` with one of the model's matrices."""
        packed = self._packed.get(matrix.data_ptr())
        if packed is None:
            return torch.addmm(bias, x, matrix)
        product: Tensor = torch.ops.quantized.linear_dynamic_fp16(x.contiguous(), packed)
        return product.add_(bias)


def _matrices(weights: Weights) -> Iterator[Float[Tensor, "in out"]]:
    for block in weights.blocks:
        yield from (block.W_QKV, block.W_O, block.W_in, block.W_out)
        if block.W_gate is not None:
            yield block.W_gate
    yield weights.unembed.T
