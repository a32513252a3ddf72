"""How a model is trained: every choice, with its default. Nothing below this file has defaults."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

import torch

from slm.errors import BadInput
from slm.model.gradients import multiplies_bfloat16
from slm.seeds import check_seed

Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Muon on the matrices, AdamW on the rest; the learning rate warms up, then falls to zero.

    `tokens` is how many are read in all, `batch` how many rows of n_ctx tokens a step reads.
    `muon_lr` is scaled as `match_rms_adamw` does. `adam_lr` is for embeddings, gains and biases.
    `checkpoints` are spread evenly, besides the early ones at steps 0, 1, 2, 4, … 512.
    `precision` is that of matrix products; "auto" takes bfloat16 where the machine multiplies it.
    """

    tokens: int = 20_000_000
    batch: int = 16
    seed: int = 0
    muon_lr: float = 0.015
    adam_lr: float = 0.016
    weight_decay: float = 0.1
    warmup: float = 0.02
    clip: float = 1.0
    checkpoints: int = 20
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        """Raise `BadInput` on a recipe that trains nothing."""
        for name in ("tokens", "batch", "checkpoints"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name} must be at least 1, not {getattr(self, name)}")
        check_seed(self.seed)
        for name in ("muon_lr", "adam_lr", "clip"):
            if not getattr(self, name) > 0:
                raise BadInput(f"{name} must be above 0, not {getattr(self, name)}")
        if self.precision not in get_args(Precision):
            raise BadInput(f"precision is one of {get_args(Precision)}, not {self.precision!r}")
        if not 0 <= self.warmup < 1:
            raise BadInput(f"warmup is a share of the steps below 1, not {self.warmup}")

    @property
    def dtype(self) -> torch.dtype:
        """What matrix products are computed in."""
        precision = self.on_this_machine().precision
        return torch.bfloat16 if precision == "bfloat16" else torch.float32

    def on_this_machine(self) -> "Recipe":
        """The recipe with its "auto" decided."""
        if self.precision != "auto":
            return self
        able = multiplies_bfloat16("cuda" if torch.cuda.is_available() else "cpu")
        return replace(self, precision="bfloat16" if able else "float32")

    def steps(self, n_ctx: int) -> int:
        """Steps it takes to read `tokens`."""
        return max(1, round(self.tokens / (self.batch * n_ctx)))

    def rate(self, step: int, steps: int) -> float:
        """The learning rate's factor at `step` of `steps` (counted from 0): up, then down to zero."""
        warm = max(1, round(self.warmup * steps))
        return min((step + 1) / warm, (steps - step) / max(1, steps - warm))

    def checkpoint_steps(self, steps: int) -> set[int]:
        """After how many steps a checkpoint is kept: 0, 1, 2, 4, … 512, then evenly, then the last."""
        early = {0} | {2**n for n in range(10) if 2**n < steps}
        even = {round(steps * n / self.checkpoints) for n in range(1, self.checkpoints + 1)}
        return early | {step for step in even if step > 0}

    def to_json(self) -> dict[str, Any]:
        """The fields, ready for JSON."""
        return asdict(self)
