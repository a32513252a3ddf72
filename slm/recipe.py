"""Describe how a model is trained: optimizer, learning rates, schedule, budget, each with its default."""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

import torch

from slm.errors import BadInput, shown
from slm.model.autograd import supports_bfloat16
from slm.seeds import check_seed

Precision = Literal["auto", "float32", "bfloat16"]
Optimizer = Literal["muon", "adamw"]
Schedule = Literal["linear", "constant"]

AT_MOST = {"tokens": 10**15, "batch": 1 << 16, "checkpoints": 10_000}
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The hyperparameters of a training.

    `tokens` is how many are read in all, `batch` how many rows of n_ctx tokens a step reads. With the
    `optimizer` "muon", Muon trains the blocks' matrices at `muon_lr` (scaled as `match_rms_adamw`
    does) and AdamW all else at `adam_lr`; with "adamw", AdamW trains everything. Matrices and
    embeddings decay by `weight_decay`; gains and biases do not. After the `warmup`, a share of the
    steps, a "linear" `schedule` falls to 0 and a "constant" one stays. `checkpoints` are spread
    evenly, besides the early ones at steps 0, 1, 2, 4, … 512. `precision` is that of matrix products;
    "auto" takes bfloat16 where the device multiplies it.
    """

    tokens: int = 20_000_000
    batch: int = 16
    seed: int = 0
    optimizer: Optimizer = "muon"
    schedule: Schedule = "linear"
    muon_lr: float = 0.015
    adam_lr: float = 0.016
    weight_decay: float = 0.1
    warmup: float = 0.02
    clip: float = 1.0
    checkpoints: int = 20
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        """Raise `BadInput` on a recipe that trains nothing."""
        for name, most in AT_MOST.items():
            if not 1 <= (value := getattr(self, name)) <= most:
                raise BadInput(f"{name} must be from 1 to {most:,}, not {shown(value)}")
        check_seed(self.seed)
        for name in ("muon_lr", "adam_lr", "clip"):
            if not 0 < getattr(self, name) < math.inf:
                raise BadInput(f"{name} must be above 0, not {getattr(self, name)}")
        if not 0 <= self.weight_decay < math.inf:
            raise BadInput(f"weight_decay must be 0 or more, not {self.weight_decay}")
        for name, known in (
            ("precision", get_args(Precision)),
            ("optimizer", get_args(Optimizer)),
            ("schedule", get_args(Schedule)),
        ):
            if getattr(self, name) not in known:
                wrong = shown(getattr(self, name))
                raise BadInput(f"{name} is one of {', '.join(known)}, not {wrong}")
        if not 0 <= self.warmup < 1:
            raise BadInput(f"warmup is a share of the steps below 1, not {self.warmup}")

    @property
    def learning_rate(self) -> float:
        """Return the peak learning rate of the blocks' matrices."""
        return self.muon_lr if self.optimizer == "muon" else self.adam_lr

    @property
    def dtype(self) -> torch.dtype:
        """Return the dtype of matrix products, once "auto" is decided."""
        return DTYPES[self.precision]

    def for_device(self, device: str) -> "Recipe":
        """Return the recipe with "auto" precision decided for a device."""
        if self.precision != "auto":
            return self
        return replace(self, precision="bfloat16" if supports_bfloat16(device) else "float32")

    def steps(self, n_ctx: int) -> int:
        """Return the steps that read `tokens`."""
        return max(1, round(self.tokens / (self.batch * n_ctx)))

    def lr_scale(self, step: int, steps: int) -> float:
        """Return the factor of the learning rates at `step` of `steps` (counted from 0)."""
        warm = max(1, round(self.warmup * steps))
        falling = (steps - step) / max(1, steps - warm)
        return min((step + 1) / warm, 1.0 if self.schedule == "constant" else falling)

    def checkpoint_steps(self, steps: int) -> set[int]:
        """Return the steps that are checkpointed: 0, 1, 2, 4, … 512, then evenly spaced, then the last."""
        early = {0} | {2**n for n in range(10) if 2**n < steps}
        count = min(self.checkpoints, steps)
        even = {round(steps * n / count) for n in range(1, count + 1)}
        return early | {step for step in even if step > 0}

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON."""
        return asdict(self)


RECIPES: dict[str, Recipe] = {
    "muon": Recipe(),
    "paper": Recipe(optimizer="adamw", schedule="constant", adam_lr=5e-4, warmup=0.0),
}
"""Recipes to start from: ours, and what the TinyStories models' card gives (AdamW with betas 0.9 and
0.95, a constant rate of 5e-4, weight decay 0.1). The card's batch of 80 rows with 16 accumulated is
`batch`; where it says nothing (clipping, what does not decay) ours stays.
"""


def named_recipe(name: str) -> Recipe:
    """Return the recipe called `name`; `BadInput` naming those there are where there is none."""
    if name not in RECIPES:
        raise BadInput(f"a recipe is {' or '.join(RECIPES)}, not {shown(name)}")
    return RECIPES[name]
