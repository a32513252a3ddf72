"""Train weights on sampled rows: optimizers, gradient steps, divergence. Touches neither disk nor clock."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Tensor

from slm.model import functional
from slm.model.weights import Weights
from slm.recipe import Recipe
from slm.training.data import PackedSampler
from slm.training.distributed import SINGLE_PROCESS, ProcessGroup

ADAM_BETAS = (0.9, 0.95)
MUON_MOMENTUM = 0.95
DIVERGED_AFTER = 20
"""Steps in a row with a loss 1 nat above that of a uniform guess."""


class Diverged(ArithmeticError):
    """The loss is not finite, or stays above that of a uniform guess. One line says where."""


@dataclass(frozen=True, kw_only=True)
class TrainStep:
    """One step done. `step` counts from 1; `loss` (nats per token) was measured before its update."""

    step: int
    loss: float
    gradient_norm: float
    lr_scale: float


class Trainer:
    """Weights with their optimizers (Muon and AdamW, or AdamW alone), which can be saved and resumed."""

    def __init__(
        self, weights: Weights, recipe: Recipe, group: ProcessGroup = SINGLE_PROCESS
    ) -> None:
        self.weights, self.group = weights.requires_grad(), group
        self.recipe = recipe.for_device(str(weights.W_E.device))
        self._parameters = parameters = dict(weights.named_parameters())
        muon = [
            name
            for name, parameter in parameters.items()
            if recipe.optimizer == "muon" and name.startswith("blocks.") and parameter.ndim == 2
        ]
        rest = {name: p for name, p in parameters.items() if name not in muon}
        matrices = {name: p for name, p in rest.items() if p.ndim == 2}
        vectors = {name: p for name, p in rest.items() if p.ndim == 1}
        self._order = {"muon": muon, "adam": [*matrices, *vectors]}
        self._optimizers: dict[str, tuple[torch.optim.Optimizer, float]] = {}
        if muon:
            self._optimizers["muon"] = (
                torch.optim.Muon(
                    [parameters[name] for name in muon],
                    lr=recipe.muon_lr,
                    momentum=MUON_MOMENTUM,
                    weight_decay=recipe.weight_decay,
                    adjust_lr_fn="match_rms_adamw",
                ),
                recipe.muon_lr,
            )
        self._optimizers["adam"] = (
            torch.optim.AdamW(
                [
                    {"params": list(matrices.values()), "weight_decay": recipe.weight_decay},
                    {"params": list(vectors.values()), "weight_decay": 0.0},
                ],
                lr=recipe.adam_lr,
                betas=ADAM_BETAS,
                fused=True,
            ),
            recipe.adam_lr,
        )

    def step(self, rows: Int64[Tensor, "row pos_plus_one"], lr_scale: float) -> tuple[float, float]:
        """Take one optimizer step; return the loss before it (nats per token) and the gradient's norm.

        `rows` are the whole batch, of which each process reads its shard; learning rates are the
        recipe's times `lr_scale`. The gradient is clipped to the recipe's norm.
        """
        loss = functional.loss(self.weights, self.group.shard(rows), self.recipe.dtype)
        loss.backward()
        loss = loss.detach()
        gradients = [p.grad for p in self._parameters.values() if p.grad is not None]
        self.group.all_reduce_mean([*gradients, loss])
        norm = torch.nn.utils.clip_grad_norm_(self._parameters.values(), self.recipe.clip)
        for optimizer, lr in self._optimizers.values():
            for param_group in optimizer.param_groups:
                param_group["lr"] = lr * lr_scale
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return loss.item(), norm.item()

    def state(self) -> dict[str, Tensor]:
        """Return everything needed to resume, as named float32 tensors on the CPU."""
        state = {f"weights/{name}": p.detach().cpu() for name, p in self._parameters.items()}
        for kind, (optimizer, _) in self._optimizers.items():
            for index, slots in optimizer.state_dict()["state"].items():
                for slot, value in slots.items():
                    name = self._order[kind][index]
                    state[f"{kind}/{name}/{slot}"] = torch.as_tensor(value).detach().cpu().clone()
        return state

    def restore(self, state: dict[str, Tensor]) -> None:
        """Restore what `state` returned."""
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(state[f"weights/{name}"])
        for kind, (optimizer, _) in self._optimizers.items():
            loaded = optimizer.state_dict()
            for index, name in enumerate(self._order[kind]):
                prefix = f"{kind}/{name}/"
                slots = {
                    key.removeprefix(prefix): value
                    for key, value in state.items()
                    if key.startswith(prefix)
                }
                if slots:
                    loaded["state"][index] = slots
            optimizer.load_state_dict(loaded)


def train(
    trainer: Trainer, sampler: PackedSampler, *, first: int, steps: int
) -> Iterator[TrainStep]:
    """Train from step `first` (steps done before) to `steps`, yielding each step as it is done.

    Raises `Diverged` where a loss or gradient is not finite, or the loss stays above a uniform guess's.
    """
    recipe = trainer.recipe
    uniform = torch.tensor(float(trainer.weights.config.d_vocab)).log().item()
    worse_in_a_row = 0
    for done in range(first, steps):
        lr_scale = recipe.lr_scale(done, steps)
        batch = sampler.batch(done, recipe.batch).to(trainer.weights.W_E.device)
        loss, norm = trainer.step(batch, lr_scale)
        if not (loss < float("inf") and norm < float("inf")):
            raise Diverged(f"the loss is {loss} at step {done + 1}: lower the learning rate")
        worse_in_a_row = worse_in_a_row + 1 if loss > uniform + 1 else 0
        if worse_in_a_row >= DIVERGED_AFTER:
            raise Diverged(
                f"the loss is {loss:.2f} at step {done + 1}, worse than guessing "
                f"({uniform:.2f}): lower the learning rate"
            )
        yield TrainStep(step=done + 1, loss=loss, gradient_norm=norm, lr_scale=lr_scale)
