"""Two operations whose gradients are worked out by hand, because that is where training spends its time."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

CELLS_AT_ONCE = {"cpu": 1 << 19}
CELLS_ELSEWHERE = 1 << 25
"""Logits that exist at one time in `cross_entropy`: few enough to stay in the processor's cache, on
other devices so many that there is work for all their cores.
"""


def multiplies_bfloat16(device: torch.device | str = "cpu") -> bool:
    """Whether a CPU or a CUDA device has instructions for products in bfloat16; else they are slow."""
    kind = torch.device(device).type
    if kind == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if kind != "cpu":
        return False
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16") or able.get("bf16"))


def addmm_bfloat16(
    bias: Float[Tensor, "out"], x: Float[Tensor, "row in"], matrix: Float[Tensor, "in out"]
) -> Float[Tensor, "row out"]:
    """`torch.addmm`, multiplied and returned in bfloat16; the gradients of float32 are float32."""
    return _AddmmBfloat16.apply(bias, x, matrix)


class _AddmmBfloat16(torch.autograd.Function):
    """Keeps x in half the memory, and never widens a product that will be added up anyway."""

    @staticmethod
    def forward(ctx: Any, bias: Tensor, x: Tensor, matrix: Tensor) -> Tensor:
        x_low, low = x.to(torch.bfloat16), matrix.to(torch.bfloat16)
        ctx.save_for_backward(x_low, low)
        ctx.dtypes = bias.dtype, x.dtype, matrix.dtype
        return torch.addmm(bias.to(torch.bfloat16), x_low, low)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, matrix = ctx.saved_tensors
        (grad,) = upstream
        bias_type, x_type, matrix_type = ctx.dtypes
        return (
            grad.sum(0, dtype=bias_type),
            (grad @ matrix.T).to(x_type),
            (x.T @ grad).to(matrix_type),
        )


def cross_entropy(
    final: Float[Tensor, "row d_model"],
    unembed: Float[Tensor, "d_vocab d_model"],
    bias: Float[Tensor, "d_vocab"],
    targets: Int[Tensor, "row"],
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, ""]:
    """Mean cross-entropy in nats of `final @ unembed.T + bias`, without ever holding all logits.

    The gradients are made on the way, a block of rows at a time (as Wijmans et al. 2024 do,
    arXiv:2411.09009): twice to four times as fast as writing 4,096 x 4,096 logits to memory and
    reading them back. Products are computed in `dtype`.
    """
    return _CrossEntropy.apply(final, unembed, bias, targets, dtype)


class _CrossEntropy(torch.autograd.Function):
    """The gradient of a mean cross-entropy in its logits is (softmax - one-hot) / rows."""

    @staticmethod
    def forward(
        ctx: Any,
        final: Tensor,
        unembed: Tensor,
        bias: Tensor,
        targets: Tensor,
        dtype: torch.dtype,
    ) -> Tensor:
        low_final, low = final.to(dtype), unembed.to(dtype)
        d_final, d_unembed, d_bias = map(torch.zeros_like, (final, unembed, bias))
        total = bias.new_zeros(())
        smallest = torch.finfo(bias.dtype).tiny  # a target less likely than this counts as 87 nats
        cells = CELLS_AT_ONCE.get(final.device.type, CELLS_ELSEWHERE)
        block = max(1, cells // len(unembed))
        for x, target, d_x in zip(
            low_final.split(block), targets.split(block), d_final.split(block), strict=True
        ):
            logits = (x @ low.T).to(bias.dtype).add_(bias)
            row = torch.arange(len(x), device=x.device)
            p = torch.softmax(logits, -1)
            total -= p[row, target].clamp_min(smallest).log().sum()
            p[row, target] -= 1
            d_bias += p.sum(0)
            d_logits = p.to(dtype)
            d_x.copy_(d_logits @ low)
            d_unembed += d_logits.T @ x
        ctx.save_for_backward(d_final, d_unembed, d_bias)
        ctx.rows = len(final)
        return total / ctx.rows

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        scale = upstream[0] / ctx.rows
        return (*(gradient * scale for gradient in ctx.saved_tensors), None, None)
