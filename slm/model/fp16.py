"""Multiply by float16 copies of weights that float16 holds exactly, as those of every saved checkpoint.

Decoding reads every weight once a token and is bound by memory bandwidth where a model does not fit the
processor's cache: half the bytes take half the time. Products are computed and summed in float32, so the
result is that of the float32 weights.
"""

from collections.abc import Iterable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from slm.model.functional import Addmm, addmm_batch_invariant
from slm.model.weights import Weights

LARGE = 1 << 21
"""Parameters (8 MB in float32) from which on a model is read from memory again for each token."""


def packed_addmm(weights: Weights) -> Addmm:
    """Return an `addmm` for few rows, over float16 copies of the matrices as they are now.

    No row depends on how many others there are. Of a small model only the unembedding is packed:
    with few rows that takes a third of the time that `addmm_batch_invariant` does.
    """
    return PackedFp16(worth_packing(weights)).addmm


def worth_packing(weights: Weights) -> list[Tensor]:
    """Return all matrices of a large model, the unembedding of a small one."""
    matrices = list(matrices_of(weights))
    large = sum(matrix.numel() for matrix in matrices) >= LARGE
    return matrices if large else matrices[-1:]


class PackedFp16:
    """Pack matrices [in, out] as float16, those that float16 holds exactly."""

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
        """Compute `torch.addmm`, over the packed copy where there is one."""
        packed = self._packed.get(matrix.data_ptr())
        if packed is None:
            return addmm_batch_invariant(bias, x, matrix)
        product: Tensor = torch.ops.quantized.linear_dynamic_fp16(x.contiguous(), packed)
        return product.add_(bias)


def matrices_of(weights: Weights) -> Iterator[Float[Tensor, "in out"]]:
    """Yield every matrix of the forward pass, the unembedding last."""
    for block in weights.blocks:
        yield from (block.W_QKV, block.W_O, block.W_in, block.W_out)
        if block.W_gate is not None:
            yield block.W_gate
    yield weights.unembed.T
