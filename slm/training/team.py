"""Several processes that train one model together: each reads its share of every batch.

What they learn from is the mean of their gradients, so that a step is the step one process would
take on the whole batch. `torchrun --nproc-per-node 2 -m slm train …` starts them.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from slm.errors import BadInput

T = TypeVar("T")


@dataclass(frozen=True)
class Team:
    """Which of `size` processes this is. The first one (rank 0) writes, the others only learn."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def check(self, batch: int) -> None:
        """Raise `BadInput` where a batch cannot be shared out evenly."""
        if batch % self.size:
            raise BadInput(f"--batch must be a multiple of the {self.size} processes, not {batch}")

    def share(self, rows: Tensor) -> Tensor:
        """This process's rows of a batch."""
        return rows[self.rank :: self.size]

    def mean(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its mean over the processes, in place, in one message."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(flat)
        flat /= self.size
        for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def any(self, flag: bool) -> bool:
        """Whether any process says so; the same answer for all."""
        if self.size == 1:
            return flag
        said = torch.tensor([float(flag)])
        dist.all_reduce(said, dist.ReduceOp.MAX)
        return bool(said)

    def tell(self, value: T) -> T:
        """What the first process knows, for all."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box)
        return box[0]


ALONE = Team()


def gather() -> Team:
    """The team that `torchrun` started, or a team of one."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return ALONE
    if not dist.is_initialized():
        dist.init_process_group("gloo")
    return Team(dist.get_rank(), size)
