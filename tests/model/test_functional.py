"""The functional forward pass equals TransformerLens, in logits, gradients, patterns and step by step."""

import math
from dataclasses import replace

import pytest
import torch

from slm.model import functional
from slm.model.config import PRESETS, ModelConfig
from slm.model.hooked import hooked, run_with_cache
from slm.model.weights import Block, Weights, initialise

SMALL = {
    name: replace(
        config, d_vocab=300, n_ctx=64, local_window=None if config.local_window is None else 10
    )
    for name, config in PRESETS.items()
}
SMALL["untied"] = replace(SMALL["quick"], tied=False)
SMALL["llama"] = replace(
    SMALL["quick"],
    tied=False,
    normalization_type="RMS",
    positional_embedding_type="rotary",
    rotary_base=500.0,
    act_fn="silu",
    gated_mlp=True,
    mlp_width=172,
    eps=1e-6,
)
SMALL["rotary, LayerNorm, exact gelu"] = replace(
    SMALL["paper-1M"], positional_embedding_type="rotary", act_fn="gelu"
)
SMALL["RMS, learned positions, relu"] = replace(
    SMALL["quick"], normalization_type="RMS", act_fn="relu", mlp_width=100
)


def lively(config: ModelConfig) -> Weights:
    """Random weights large enough that a mistake anywhere shows in the logits."""
    weights = initialise(config, 0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for _, leaf in weights.named_parameters():
            leaf.add_(torch.randn(leaf.shape, generator=generator) * 0.05)
    return weights


def some_tokens(config: ModelConfig, rows: int = 2, length: int = 40) -> torch.Tensor:
    return torch.randint(
        0, config.d_vocab, (rows, length), generator=torch.Generator().manual_seed(2)
    )


def gradients(weights: Weights) -> Weights:
    """The gradients, in the form of weights."""

    def grad(leaf: torch.Tensor | None) -> torch.Tensor | None:
        assert leaf is None or leaf.grad is not None
        return None if leaf is None else leaf.grad

    return Weights(
        config=weights.config,
        W_E=grad(weights.W_E),
        W_pos=grad(weights.W_pos),
        blocks=tuple(
            Block(**{name: grad(leaf) for name, leaf in vars(block).items()})
            for block in weights.blocks
        ),
        ln_final_w=grad(weights.ln_final_w),
        ln_final_b=grad(weights.ln_final_b),
        W_U=grad(weights.W_U),
        b_U=grad(weights.b_U),
    )


@pytest.mark.parametrize("name", SMALL)
def test_functional_equals_hooked_in_logits_and_gradients(name: str) -> None:
    config = SMALL[name]
    weights = lively(config).requires_grad()
    model = hooked(weights)
    tokens = some_tokens(config)

    assert torch.allclose(functional.logits(weights, tokens), model(tokens), atol=1e-4)

    functional.loss(weights, tokens).backward()
    model(tokens, return_type="loss").backward()
    theirs = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    ours = gradients(weights).named_views()
    if config.tied:  # one tensor here, two parameters there
        theirs["embed.W_E"] = theirs["embed.W_E"] + theirs.pop("unembed.W_U").T
    for hook_name, gradient in theirs.items():
        assert torch.allclose(ours[hook_name], gradient, atol=1e-4), hook_name


@pytest.mark.parametrize("name", ["deep-narrow", "paper-1M", "llama"])
def test_the_activation_cache_holds_what_hooks_see(name: str) -> None:
    config = SMALL[name]
    weights = lively(config)
    tokens = some_tokens(config)
    names = [
        f"blocks.{layer}.{hook}"
        for layer in range(config.n_layers)
        for hook in (
            "hook_resid_pre",
            "hook_resid_mid",
            "hook_resid_post",
            "attn.hook_q",
            "attn.hook_k",
            "attn.hook_v",
            "attn.hook_z",
            "attn.hook_pattern",
            "mlp.hook_pre",
            "mlp.hook_post",
            *(("attn.hook_rot_q", "attn.hook_rot_k") if config.rotary else ()),
        )
    ]
    acts = functional.ActivationCache(names)
    functional.hidden(weights, tokens, hook=acts)
    _, cache = run_with_cache(hooked(weights), tokens, names)
    assert acts.keys() == set(names)
    for hook_name in names:
        assert torch.allclose(acts[hook_name], cache[hook_name], atol=1e-4), hook_name


@pytest.mark.parametrize("name", ["quick", "paper-1M", "llama"])
def test_stories_of_different_lengths_grow_in_the_cache_as_if_read_whole(name: str) -> None:
    config = SMALL[name]
    weights = lively(config)
    tokens = some_tokens(config)
    whole = functional.logits(weights, tokens)
    cache = functional.KVCache(config, rows=2)
    logits = functional.prefill(weights, cache, tokens[:, :20], torch.tensor([20, 3]))
    for offset in range(15):
        assert torch.allclose(logits[0], whole[0, 19 + offset], atol=1e-4)
        assert torch.allclose(logits[1], whole[1, 2 + offset], atol=1e-4)
        following = torch.stack([tokens[0, 20 + offset], tokens[1, 3 + offset]])
        logits = functional.step(weights, cache, following)
    cache.drop(0)
    logits = functional.step(weights, cache, tokens[1:, 18])
    assert torch.allclose(logits[0], whole[1, 18], atol=1e-4)


def test_sequences_are_appended_in_the_rows_after_those_that_are_there() -> None:
    cache = functional.KVCache(SMALL["quick"], rows=5)
    assert cache.append(torch.tensor([4, 2])) == slice(0, 2)
    assert cache.append(torch.tensor([3, 3, 3])) == slice(2, 5)


@pytest.mark.parametrize("name", ["quick", "paper-1M", "llama"])
def test_sequences_that_join_a_cache_later_are_read_as_if_alone(name: str) -> None:
    config = SMALL[name]
    weights = lively(config)
    tokens = some_tokens(config, rows=5)
    whole = functional.logits(weights, tokens)
    lengths = torch.tensor([3, 20, 17, 30, 16])  # padded to 16 and to 32 slots
    cache = functional.KVCache(config, rows=5)
    for rows in (slice(0, 2), slice(2, 5)):
        logits = functional.prefill(weights, cache, tokens[rows, :30], lengths[rows])
        assert torch.allclose(logits, whole[rows][range(len(logits)), lengths[rows] - 1], atol=1e-4)
    assert cache.lengths.tolist() == lengths.tolist()
    every = torch.arange(5)
    for offset in range(10):
        logits = functional.step(weights, cache, tokens[every, lengths + offset])
        assert torch.allclose(logits, whole[every, lengths + offset], atol=1e-4)


@pytest.mark.parametrize("name", ["quick", "paper-1M", "llama"])
def test_sequences_of_one_length_grow_to_the_last_position_as_if_read_whole(name: str) -> None:
    config = SMALL[name]
    weights = lively(config)
    tokens = some_tokens(config, length=config.n_ctx)
    whole = functional.logits(weights, tokens)
    cache = functional.KVCache(config, rows=2)
    functional.prefill(weights, cache, tokens[:, :1], torch.tensor([1, 1]))
    for pos in range(1, config.n_ctx):
        logits = functional.step(weights, cache, tokens[:, pos])
        assert torch.allclose(logits, whole[:, pos], atol=1e-4), pos


@pytest.mark.parametrize("hook_name", ["blocks.1.attn.hook_z", "blocks.1.mlp.hook_post"])
@pytest.mark.parametrize("name", ["deep-narrow", "llama"])
def test_an_intervention_has_the_effect_that_a_hook_has(name: str, hook_name: str) -> None:
    weights = lively(SMALL[name])
    tokens = some_tokens(weights.config)

    def without_the_second(act: torch.Tensor, hook: object = None) -> torch.Tensor:
        act = act.clone()
        act[1, 5:, 1] = 0.0  # head 1 or neuron 1, from position 5 of the second sequence
        return act

    found = functional.logits(
        weights,
        tokens,
        intervention=lambda at, act: without_the_second(act) if at == hook_name else act,
    )
    expected = hooked(weights).run_with_hooks(tokens, fwd_hooks=[(hook_name, without_the_second)])
    assert torch.allclose(found, expected, atol=1e-4)
    before = functional.logits(weights, tokens)
    assert torch.equal(found[0], before[0]) and torch.equal(found[1, :5], before[1, :5])
    assert (found[1, 5:] - before[1, 5:]).abs().max() > 1e-3


def test_a_rotary_pair_turns_by_its_angle_and_rotary_patterns_know_only_distances() -> None:
    config = replace(SMALL["llama"], d_model=4, n_heads=1, rotary_base=100.0)
    x = torch.tensor([1.0, 0.0, 0.0, 1.0]).expand(1, 1, 3, 4)  # pairs (0, 2) and (1, 3)
    turned = functional.apply_rotary(x, config)
    assert turned[0, 0, 2].tolist() == pytest.approx(
        [math.cos(2), -math.sin(0.2), math.sin(2), math.cos(0.2)], abs=1e-6
    )
    later = functional.apply_rotary(x, config, torch.tensor([[7, 8, 9]]))
    assert torch.allclose(turned @ turned.mT, later @ later.mT, atol=1e-5)


def test_a_position_never_sees_what_comes_after_it() -> None:
    weights = lively(SMALL["quick"])
    tokens = some_tokens(weights.config)
    changed = tokens.clone()
    changed[:, 25:] = 7
    before = functional.logits(weights, tokens)[:, :25]
    assert torch.equal(before, functional.logits(weights, changed)[:, :25])


def test_a_window_of_three_shows_a_token_itself_and_the_two_before() -> None:
    rows = functional.causal_mask(5, 3, torch.device("cpu")).int().tolist()
    assert rows == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [0, 1, 1, 1, 0],
        [0, 0, 1, 1, 1],
    ]
