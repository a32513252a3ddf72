"""Training throughput: forward, backward and step, on the same shape and batch."""

from collections.abc import Callable
from dataclasses import replace

import torch

from benchmarks import peers
from benchmarks.race import Contender, race, table
from slm.model.config import ModelConfig
from slm.model.weights import initialise
from slm.recipe import Recipe
from slm.training.trainer import Trainer

SHAPES = ((64, 8, 16), (64, 8, 4), (128, 4, 8), (256, 4, 8))
BATCH = 16


def run() -> str:
    """Race the training step at each shape."""
    return "\n".join(
        _at(ModelConfig(d_model=d, n_layers=n, n_heads=h, d_vocab=4096)) for d, n, h in SHAPES
    )


def _at(config: ModelConfig) -> str:
    rows = torch.randint(0, config.d_vocab, (BATCH, config.n_ctx + 1))
    recipe = Recipe(batch=BATCH)
    ours = Trainer(initialise(config, 0), recipe)
    exact = Trainer(initialise(config, 0), replace(recipe, precision="float32"))
    hooked, gpt2 = peers.hooked_transformer(config), peers.gpt2(config)
    tokens = rows[:, :-1]

    def hooked_loss() -> torch.Tensor:
        return hooked(tokens, return_type="loss")

    def gpt2_loss() -> torch.Tensor:
        return gpt2(tokens, labels=tokens).loss

    def autocast_loss() -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return gpt2(tokens, labels=tokens).loss

    contenders = [
        Contender("slm train", lambda: ours.step(rows, 0.01) and None),
        Contender("slm train --precision float32", lambda: exact.step(rows, 0.01) and None),
        Contender("HookedTransformer, AdamW", _adamw(hooked, hooked_loss)),
        Contender("transformers GPT-2, AdamW", _adamw(gpt2, gpt2_loss)),
        Contender("transformers GPT-2, AdamW, bfloat16 autocast", _adamw(gpt2, autocast_loss)),
    ]
    title = f"Training {config.shape}, {BATCH} rows of {config.n_ctx} tokens"
    return table(title, "tokens/s", race(contenders, work=BATCH * config.n_ctx, rounds=5))


def _adamw(model: torch.nn.Module, loss: Callable[[], torch.Tensor]) -> Callable[[], None]:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def step() -> None:
        loss().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step
