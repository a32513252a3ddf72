"""The hand-made gradients are the true ones, and bfloat16 stays close to them."""

import pytest
import torch
import torch.nn.functional as F

from slm.model import autograd, functional
from slm.model.autograd import addmm_bfloat16, cross_entropy
from slm.model.weights import Weights
from tests.model.test_functional import SMALL, lively, some_tokens


def problem(dtype: torch.dtype) -> tuple[torch.Tensor, ...]:
    """final [row, d_model], unembed, bias and targets."""
    draw = torch.Generator().manual_seed(0)
    final, unembed, bias = (
        torch.randn(size, generator=draw, dtype=dtype, requires_grad=True)
        for size in ((7, 5), (11, 5), (11,))
    )
    return final, unembed, bias, torch.randint(0, 11, (7,), generator=draw)


@pytest.mark.parametrize("cells", [5, 11, 25, 1000])
def test_cross_entropy_and_its_gradients_are_torchs_own(
    cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(autograd.CELLS_AT_ONCE, "cpu", cells)  # blocks of 1, 1, 2 and all 7 rows
    final, unembed, bias, targets = problem(torch.float64)
    ours = cross_entropy(final, unembed, bias, targets, torch.float64)
    theirs = F.cross_entropy(F.linear(final, unembed, bias), targets)
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-12)
    wanted = (final, unembed, bias)
    for one, other in zip(
        torch.autograd.grad(3 * ours, wanted), torch.autograd.grad(3 * theirs, wanted), strict=True
    ):
        assert torch.allclose(one, other, atol=1e-12)


def test_a_target_that_is_all_but_impossible_gives_a_finite_loss() -> None:
    final, unembed = torch.eye(2), 500 * torch.eye(2)
    loss = cross_entropy(final, unembed, torch.zeros(2), torch.tensor([1, 0]))
    assert 80 < loss.item() < 90


def test_products_in_bfloat16_have_its_precision_and_gradients_of_the_inputs_types() -> None:
    draw = torch.Generator().manual_seed(0)
    bias, x, matrix = (
        torch.randn(size, generator=draw, requires_grad=True) for size in ((6,), (4, 5), (5, 6))
    )
    low = addmm_bfloat16(bias, x, matrix)
    assert low.dtype == torch.bfloat16
    assert torch.allclose(low.float(), torch.addmm(bias, x, matrix), atol=0.05)
    upstream = torch.randn(4, 6, generator=draw)
    ours = torch.autograd.grad(low, (bias, x, matrix), upstream.bfloat16())
    theirs = torch.autograd.grad(torch.addmm(bias, x, matrix), (bias, x, matrix), upstream)
    for one, other in zip(ours, theirs, strict=True):
        assert one.dtype == torch.float32
        assert torch.allclose(one, other, atol=0.1)


@pytest.mark.parametrize("name", ["quick", "deep-narrow"])
def test_training_in_bfloat16_follows_almost_the_same_gradient(name: str) -> None:
    tokens = some_tokens(SMALL[name])

    def gradient(dtype: torch.dtype) -> tuple[float, torch.Tensor]:
        weights: Weights = lively(SMALL[name]).requires_grad()
        loss = functional.loss(weights, tokens, dtype)
        loss.backward()
        return loss.item(), torch.cat(
            [leaf.grad.flatten() for _, leaf in weights.named_parameters()]
        )

    (exact, true), (low, close) = gradient(torch.float32), gradient(torch.bfloat16)
    assert low == pytest.approx(exact, rel=0.01)
    assert F.cosine_similarity(true, close, dim=0) > 0.99
