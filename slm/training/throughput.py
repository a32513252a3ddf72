"""Measure the time and memory that training a shape takes, with a few steps of a throwaway model."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

from slm.model.config import ModelConfig
from slm.model.weights import initialise
from slm.recipe import Recipe
from slm.stories.corpus import TokenizedSplits
from slm.training.device import check_memory
from slm.training.trainer import Trainer
from slm.training.validation import validation_loss


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """The measured training throughput of a shape on this machine.

    `memory` is the peak bytes of tensors in a step: weights, gradients, optimizer state and the
    activations kept for the backward pass.
    """

    tokens_per_second: float
    seconds_per_checkpoint: float
    n_ctx: int
    memory: int

    def seconds_for(self, recipe: Recipe) -> float:
        """Return the seconds that a recipe takes, its checkpoints included."""
        checkpoints = len(recipe.checkpoint_steps(recipe.steps(self.n_ctx)))
        return recipe.tokens / self.tokens_per_second + checkpoints * self.seconds_per_checkpoint

    def tokens_in(self, seconds: float, recipe: Recipe) -> int:
        """Return the tokens that can be read in that time, checkpoints allowed for; at least one step."""
        checkpoints = recipe.checkpoints + 11
        reading = max(seconds - checkpoints * self.seconds_per_checkpoint, seconds / 4)
        step = recipe.batch * self.n_ctx
        return max(1, math.floor(reading * self.tokens_per_second / step)) * step


def measure_throughput(
    config: ModelConfig,
    recipe: Recipe,
    prepared: TokenizedSplits | None = None,
    device: str = "cpu",
) -> Throughput:
    """Time a few steps of a throwaway model of this shape, and one validation where there are stories."""
    check_memory(config, device)
    trainer = Trainer(initialise(config, 0, device), recipe)
    generator = torch.Generator().manual_seed(0)
    size = (recipe.batch, config.n_ctx + 1)
    rows = torch.randint(0, config.d_vocab, size, generator=generator).to(device)
    kept = _bytes_kept(lambda: trainer.step(rows, 0.0))
    taken, began = 0, time.monotonic()
    while taken < 3 or (time.monotonic() - began < 2 and taken < 50):
        trainer.step(rows, 0.0)
        taken += 1
    per_step = (time.monotonic() - began) / taken
    began = time.monotonic()
    if prepared is not None:
        validation_loss(trainer.weights, prepared)
    per_checkpoint = time.monotonic() - began if prepared is not None else per_step * 3
    return Throughput(
        tokens_per_second=recipe.batch * config.n_ctx / per_step,
        seconds_per_checkpoint=per_checkpoint * 1.5,
        n_ctx=config.n_ctx,
        memory=kept
        + 2 * _size(parameter for _, parameter in trainer.weights.named_parameters())
        + _size(trainer.state().values()),
    )


def _bytes_kept(step: Callable[[], object]) -> int:
    """Return the bytes of activations that a step keeps for its backward pass, each storage once."""
    sizes: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        step()
    return sum(sizes.values())


def _size(tensors: Iterable[torch.Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors)
