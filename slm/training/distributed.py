"""Train one model in several processes (data parallel): `torchrun --nproc-per-node 2 -m slm train …`.

Each process computes the gradient of its shard of every batch; the gradients' mean is that of the whole
batch, so a step is the step that one process would take.
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
class ProcessGroup:
    """The rank and size of a data-parallel group; only rank 0 writes files."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Return whether this process writes files."""
        return self.rank == 0

    def check_batch(self, batch: int) -> None:
        """Raise `BadInput` where a batch cannot be sharded evenly."""
        if batch % self.size:
            raise BadInput(f"--batch must be a multiple of the {self.size} processes, not {batch}")

    def shard(self, rows: Tensor) -> Tensor:
        """Return this process's rows of a batch."""
        return rows[self.rank :: self.size]

    def all_reduce_mean(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its mean over the processes, in place, in one message."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(flat)
        flat /= self.size
        for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def all_reduce_any(self, flag: bool) -> bool:
        """Return whether the flag is true in any process."""
        if self.size == 1:
            return flag
        flags = torch.tensor([float(flag)])
        dist.all_reduce(flags, dist.ReduceOp.MAX)
        return bool(flags)

    def broadcast(self, value: T) -> T:
        """Return the main process's value."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box)
        return box[0]


SINGLE_PROCESS = ProcessGroup()


def init_distributed() -> ProcessGroup:
    """Join the process group that `torchrun` started; `SINGLE_PROCESS` where it started none."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return SINGLE_PROCESS
    if not dist.is_initialized():
        dist.init_process_group("gloo")
    return ProcessGroup(dist.get_rank(), size)
