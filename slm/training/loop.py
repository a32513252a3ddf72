"""The loop that learns: weights and rows in, steps out. Touches neither disk nor clock."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from slm.model import functional
from slm.model.weights import Weights
from slm.training.recipe import Recipe
from slm.training.rows import Rows
from slm.training.team import ALONE, Team

ADAM_BETAS = (0.9, 0.95)
MUON_MOMENTUM = 0.95


class Diverged(ArithmeticError):
    """The loss is no longer a number, or worse than guessing. One line says where."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step done. `step` counts from 1; `loss` (nats/token) was measured before its update."""

    step: int
    loss: float
    gradient_norm: float
    rate: float


class Learner:
    """Weights and the optimizers that change them, which can be saved and gone on with."""

    def __init__(self, weights: Weights, recipe: Recipe, team: Team = ALONE) -> None:
        self.weights, self.team = weights.requires_grad(), team
        self.recipe = recipe.on(str(weights.W_E.device))
        self._leaves = leaves = dict(weights.named_parameters())
        muon = [
            name
            for name, leaf in leaves.items()
            if recipe.optimizer == "muon" and name.startswith("blocks.") and leaf.ndim == 2
        ]
        rest = {name: leaf for name, leaf in leaves.items() if name not in muon}
        matrices = {name: leaf for name, leaf in rest.items() if leaf.ndim == 2}
        vectors = {name: leaf for name, leaf in rest.items() if leaf.ndim == 1}
        self._order = {"muon": muon, "adam": [*matrices, *vectors]}
        self._optimizers: dict[str, tuple[torch.optim.Optimizer, float]] = {}
        if muon:
            self._optimizers["muon"] = (
                torch.optim.Muon(
                    [leaves[name] for name in muon],
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

    def learn(self, rows: Tensor, rate: float) -> tuple[float, float]:
        """Take one step on `rows` [row, n_ctx + 1]; return the loss before it and the gradient's norm.

        `rows` are the whole team's, of which each process reads its share.
        """
        loss = functional.loss(self.weights, self.team.share(rows), self.recipe.dtype)
        loss.backward()
        loss = loss.detach()
        gradients = [leaf.grad for leaf in self._leaves.values() if leaf.grad is not None]
        self.team.mean([*gradients, loss])
        norm = torch.nn.utils.clip_grad_norm_(self._leaves.values(), self.recipe.clip)
        for optimizer, base in self._optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = base * rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return loss.item(), norm.item()

    def state(self) -> dict[str, Tensor]:
        """Everything needed to go on, as named float32 tensors."""
        state = {f"weights/{name}": leaf.detach().cpu() for name, leaf in self._leaves.items()}
        for kind, (optimizer, _) in self._optimizers.items():
            for index, slots in optimizer.state_dict()["state"].items():
                for slot, value in slots.items():
                    name = self._order[kind][index]
                    state[f"{kind}/{name}/{slot}"] = torch.as_tensor(value).detach().cpu().clone()
        return state

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        with torch.no_grad():
            for name, leaf in self._leaves.items():
                leaf.copy_(state[f"weights/{name}"])
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


def train(learner: Learner, rows: Rows, *, first: int, steps: int) -> Iterator[Step]:
    """Yield each step as it is done, from `first` (steps done before) to `steps`.

    Raises `Diverged` once a loss is not finite, before the weights are spoilt, or stays worse
    than guessing after the first steps.
    """
    recipe = learner.recipe
    guessing = torch.tensor(float(learner.weights.config.d_vocab)).log().item()
    worse_in_a_row = 0
    for done in range(first, steps):
        rate = recipe.rate(done, steps)
        batch = rows.batch(done, recipe.batch).to(learner.weights.W_E.device)
        loss, norm = learner.learn(batch, rate)
        if not (loss < float("inf") and norm < float("inf")):
            raise Diverged(f"the loss is {loss} at step {done + 1}: lower the learning rate")
        worse_in_a_row = worse_in_a_row + 1 if loss > guessing + 1 else 0
        if worse_in_a_row >= 20:
            raise Diverged(
                f"the loss is {loss:.2f} at step {done + 1}, worse than guessing "
                f"({guessing:.2f}): lower the learning rate"
            )
        yield Step(step=done + 1, loss=loss, gradient_norm=norm, rate=rate)
