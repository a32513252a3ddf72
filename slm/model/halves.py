"""Products with matrices that a float16 holds exactly, as it does those of every saved checkpoint.

A token that is drawn reads every weight once. Where a model is too large to stay in the processor's
cache, reading takes the time, and half as many bytes take half of it. Numbers are multiplied and added
up in float32, so what is computed is the same.
"""

from collections.abc import Iterable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from slm.model.fast import Addmm, addmm_alike
from slm.model.weights import Weights

LARGE = 1 << 21
"""Weights from which on a model is read from memory again for each token (8 MB in float32)."""


def products(weights: Weights) -> Addmm:
    """How to multiply by a model's matrices when few rows are. Of the weights as they are now.

    No row depends on how many others there are. Of a small model only the unembedding is packed:
    with few rows that takes a third of the time that `addmm_alike` does.
    """
    return Halves(worth_packing(weights)).addmm


def worth_packing(weights: Weights) -> list[Tensor]:
    """All matrices of a large model; of a small one the unembedding."""
    matrices = list(matrices_of(weights))
    large = sum(matrix.numel() for matrix in matrices) >= LARGE
    return matrices if large else matrices[-1:]


class Halves:
    """Matrices [in, out] packed as float16; those that would lose anything stay as they are."""

    def __init__(self, matrices: Iterable[Tensor]) -> None:
        self._packed: dict[int, torch.ScriptObject] = {}
        if "fbgemm" not in torch.backends.quantized.supported_engines:  # it is x86's
            return
        for matrix in matrices:
            if matrix.device.type == "cpu" and torch.equal(matrix.half().float(), matrix):
                packed = torch.ops.quantized.linear_prepack_fp16(matrix.T.contiguous(), None)
                self._packed[matrix.data_ptr()] = packed

    def addmm(
        self,
        bias: Float[Tensor, "out"],
        x: Float[Tensor, "row in"],
        matrix: Float[Tensor, "in out"],
    ) -> Float[Tensor, "row out"]:
        """`torch.addmm` with any matrix."""
        packed = self._packed.get(matrix.data_ptr())
        if packed is None:
            return addmm_alike(bias, x, matrix)
        product: Tensor = torch.ops.quantized.linear_dynamic_fp16(x.contiguous(), packed)
        return product.add_(bias)


def matrices_of(weights: Weights) -> Iterator[Float[Tensor, "in out"]]:
    """Every matrix that is multiplied by, the unembedding last."""
    for block in weights.blocks:
        yield from (block.W_QKV, block.W_O, block.W_in, block.W_out)
        if block.W_gate is not None:
            yield block.W_gate
    yield weights.unembed.T
