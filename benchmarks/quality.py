"""Time to quality: what our recipe reaches in a third of the time that the common recipe is given.

The common recipe is AdamW with cosine decay, its learning rate tuned on a tenth of the budget. It
runs through the same forward pass in the same precision, so that only the recipe differs. Time is
counted in the tokens that each recipe reads in it when it is timed alone, so that other work on
the machine, which comes and goes in an hour, favours neither. Stories come from $BENCH_TRAIN and
$BENCH_VALID (as `--corpus` and `--valid` of `slm train`), minutes from $BENCH_MINUTES, and the shapes,
if others are wanted, from $BENCH_SHAPES.
"""

import math
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from slm.model import functional
from slm.model.config import ModelConfig, parse_shape
from slm.model.loss import story_loss
from slm.model.weights import Weights, initialise
from slm.recipe import Recipe
from slm.stories.corpus import TokenizedSplits, prepare
from slm.training.data import PackedSampler
from slm.training.trainer import Trainer, train

SHAPES = "64x8x16,128x4x8"
RATES = (1e-3, 2e-3, 4e-3, 8e-3)
WARMUP = 0.02


Way = Callable[[Weights, PackedSampler, Recipe], None]


def run() -> str:
    """A table: bits per byte of both recipes by share of the reference's time."""
    minutes = float(os.environ.get("BENCH_MINUTES", "10"))
    train_spec = os.environ.get("BENCH_TRAIN", "nursery")
    prepared = prepare(
        train_spec,
        valid=os.environ.get("BENCH_VALID"),
        cache=Path(__file__).parents[1] / "runs" / ".corpora",
    )
    d_vocab = prepared.tokenizer.d_vocab
    shapes = map(parse_shape, os.environ.get("BENCH_SHAPES", SHAPES).split(","))
    return "\n".join(
        _at(ModelConfig(d_model=d, n_layers=n, n_heads=h, d_vocab=d_vocab), prepared, minutes)
        for d, n, h in shapes
    )


def _at(config: ModelConfig, prepared: TokenizedSplits, minutes: float) -> str:
    rounds = [[_speed(config, prepared, way) for way in (_adamw(1e-3), _ours)] for _ in range(5)]
    common, own = (int(minutes * 60 * max(speeds)) for speeds in zip(*rounds, strict=True))
    tuned = min(RATES, key=lambda rate: _reached(config, prepared, common // 10, _adamw(rate)))
    lines = [
        f"### Time to quality, {config.shape}, the common recipe given {minutes:g} minutes",
        "",
        "| recipe | share of the time | tokens | bits per byte |",
        "|---|---|---|---|",
    ]
    arms = [
        (f"AdamW at {tuned:g}, cosine", 1.0, common, _adamw(tuned)),
        ("slm train", 1 / 3, own, _ours),
        ("slm train", 1 / 2, own, _ours),
    ]
    for name, share, budget, way in arms:
        tokens = int(budget * share)
        reached = _reached(config, prepared, tokens, way)
        lines.append(f"| {name} | {share:.2f} | {tokens / 1e6:.2f}M | {reached:.4f} |")
    return "\n".join(lines) + "\n"


def _speed(config: ModelConfig, prepared: TokenizedSplits, way: Way) -> float:
    """Tokens/s of ten steps."""
    recipe = replace(Recipe(), tokens=10 * Recipe().batch * config.n_ctx)
    weights, rows = initialise(config, 0), PackedSampler(prepared.train, config.n_ctx, 0)
    began = time.monotonic()
    way(weights, rows, recipe)
    return recipe.tokens / (time.monotonic() - began)


def _reached(config: ModelConfig, prepared: TokenizedSplits, tokens: int, way: Way) -> float:
    """Bits per byte on all validation stories after so many tokens."""
    recipe = replace(Recipe(), tokens=tokens)
    weights = initialise(config, recipe.seed)
    way(weights, PackedSampler(prepared.train, config.n_ctx, recipe.seed), recipe)
    stories = [prepared.valid.story(index).tolist() for index in range(len(prepared.valid))]
    return story_loss(weights, prepared.tokenizer, stories).bits_per_byte


def _ours(weights: Weights, rows: PackedSampler, recipe: Recipe) -> None:
    for _ in train(
        Trainer(weights, recipe), rows, first=0, steps=recipe.steps(weights.config.n_ctx)
    ):
        pass


def _adamw(peak: float) -> Way:
    def way(weights: Weights, rows: PackedSampler, recipe: Recipe) -> None:
        leaves = [leaf for _, leaf in weights.requires_grad().named_parameters()]
        groups = [
            {"params": [leaf for leaf in leaves if leaf.ndim == 2], "weight_decay": 0.1},
            {"params": [leaf for leaf in leaves if leaf.ndim == 1], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=True)
        steps = recipe.steps(weights.config.n_ctx)
        warm = max(1, round(WARMUP * steps))
        for step in range(steps):
            functional.loss(
                weights, rows.batch(step, recipe.batch), recipe.for_device("cpu").dtype
            ).backward()
            torch.nn.utils.clip_grad_norm_(leaves, 1.0)
            falling = 0.5 + 0.5 * math.cos(math.pi * max(0, step - warm) / max(1, steps - warm))
            for group in optimizer.param_groups:
                group["lr"] = peak * min((step + 1) / warm, falling)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    return way
