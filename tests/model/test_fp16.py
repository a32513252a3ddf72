"""Weights that a float16 holds exactly are read as such, and what is computed stays the same."""

from dataclasses import replace

import pytest
import torch

from slm.model import functional
from slm.model.config import ModelConfig
from slm.model.fp16 import LARGE, PackedFp16, matrices_of, packed_addmm, worth_packing
from slm.model.weights import Weights, initialise

PLAIN = ModelConfig(d_model=16, n_layers=2, n_heads=2, d_vocab=64, n_ctx=16)


def saved(config: ModelConfig = PLAIN) -> Weights:
    """Random weights as a checkpoint's file holds them."""
    weights = initialise(config, 0)
    with torch.no_grad():
        for _, leaf in weights.named_parameters():
            leaf.add_(torch.randn(leaf.shape, generator=torch.Generator().manual_seed(1)) * 0.2)
            leaf.copy_(leaf.half().float())
    return weights


def next_logits(weights: Weights, addmm: functional.Addmm) -> torch.Tensor:
    """Logits after a prompt and three steps of two stories."""
    with torch.no_grad():
        cache = functional.KVCache(weights.config, 2)
        functional.prefill(
            weights, cache, torch.tensor([[1, 2, 3], [4, 5, 6]]), torch.tensor([3, 2])
        )
        for token in (7, 8, 9):
            logits = functional.step(weights, cache, torch.tensor([token, token + 1]), addmm=addmm)
    return logits


@pytest.mark.parametrize(
    "config",
    [PLAIN, replace(PLAIN, tied=False), replace(PLAIN, act_fn="silu", gated_mlp=True)],
    ids=["tied", "untied", "gated"],
)
def test_halves_say_what_the_whole_weights_say(config: ModelConfig) -> None:
    weights = saved(config)
    found = next_logits(weights, PackedFp16(matrices_of(weights)).addmm)
    assert found == pytest.approx(next_logits(weights, torch.addmm).numpy(), abs=1e-4)


def test_a_matrix_that_would_lose_anything_is_left_as_it_is() -> None:
    weights = saved()
    with torch.no_grad():
        weights.blocks[0].W_in[0, 0] = 1 + 2**-20  # between two numbers of a float16
        weights.blocks[1].W_in[0, 0] = 1e6  # beyond all of them
    halves, x = PackedFp16(matrices_of(weights)), torch.randn(4, 16)
    for block in weights.blocks:
        assert torch.equal(
            halves.addmm(block.b_in, x, block.W_in), torch.addmm(block.b_in, x, block.W_in)
        )


def test_all_of_a_large_model_is_read_as_halves_and_of_a_small_one_the_unembedding() -> None:
    large = saved(replace(PLAIN, d_model=512))
    assert LARGE < 2 * 12 * 512**2 + 64 * 512
    assert len(worth_packing(large)) == 4 * PLAIN.n_layers + 1
    (only,) = worth_packing(small := saved())
    assert torch.equal(only, small.unembed.T)


@pytest.mark.parametrize("d_model", [16, 512])
def test_no_row_of_a_product_depends_on_how_many_there_are(d_model: int) -> None:
    weights = saved(replace(PLAIN, d_model=d_model))
    addmm, x = packed_addmm(weights), torch.randn(70, d_model)
    for bias, matrix in (
        (weights.blocks[0].b_in, weights.blocks[0].W_in),
        (weights.b_U, weights.unembed.T),
    ):
        every = addmm(bias, x, matrix)
        for rows in (1, 2, 3, 4, 5, 8, 13, 33, 64):
            assert torch.equal(addmm(bias, x[:rows], matrix), every[:rows])
            assert torch.equal(addmm(bias, x[-rows:], matrix), every[-rows:])
