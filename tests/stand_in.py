"""A device that is none, to see that everything a model needs lies where its weights do.

Tensors on `standin:0` say so and are computed on the CPU. They have values, which torch's fake tensors
do not, so that whole trainings run there. As on a real accelerator an operation on tensors of two
devices is an error, unless the one on the CPU is a single number or an index.
"""

import contextlib
from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "standin"
DEVICE = "cuda:0" if torch.cuda.is_available() else NAME
"""What a test of devices runs on: a GPU where there is one, else the device that is none.

Both in one process are too much for torch's backward pass, which knows one kind beside the CPU.
"""
MOVES = (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
INDEXING = (torch.ops.aten.index.Tensor, torch.ops.aten.index_put_.default)


@contextlib.contextmanager
def stand_in() -> Iterator[str]:
    """Have a device that is none, by its name. It must have been registered."""
    before = torch._C._only_lift_cpu_tensors()
    torch._C._set_only_lift_cpu_tensors(
        True
    )  # torch.tensor(…, device=…) moves what it made by `to`
    try:
        with _Making():
            yield f"{NAME}:0"
    finally:
        torch._C._set_only_lift_cpu_tensors(before)


@contextlib.contextmanager
def another_device() -> Iterator[str]:
    """Have `DEVICE`, by the name that torch knows it by."""
    if DEVICE == NAME:
        with stand_in() as name:
            yield name
    else:
        yield DEVICE


@cache
def register() -> None:
    """Tell torch of the device, unless there is a real one; it asks once, at the first backward pass."""
    if DEVICE == NAME:
        _setup_privateuseone_for_python_backend(NAME, backend_module=_Module())


class _Module:
    """What torch asks of a device's module."""

    def is_available(self) -> bool:
        return True

    def is_initialized(self) -> bool:
        return True

    def _is_in_bad_fork(self) -> bool:
        return False

    def current_device(self) -> int:
        return 0

    def device_count(self) -> int:
        return 1

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.float16]

    def manual_seed_all(self, seed: int) -> None:
        pass


class Elsewhere(Tensor):
    """A tensor on the device; `inner`, on the CPU, holds its values."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> "Elsewhere":
        made: Elsewhere = Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=torch.device(NAME, 0),
        )
        made.inner = inner
        return made

    def __repr__(self, *, tensor_contents: object = None) -> str:
        return f"Elsewhere({self.inner!r})"

    def tolist(self) -> Any:
        return self.inner.tolist()

    def untyped_storage(self) -> torch.UntypedStorage:
        return self.inner.untyped_storage()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {})


class _Making(TorchDispatchMode):
    """Sees to tensors that are made on the device from nothing."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {})


def _computed(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    tensors = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
    from_there = any(isinstance(one, Elsewhere) for one in tensors)
    if from_there and func not in MOVES:
        indices = tree_leaves(args[1]) if func in INDEXING else []
        for one in tensors:
            is_index = any(one is index for index in indices)
            if not isinstance(one, Elsewhere) and one.ndim > 0 and not is_index:
                raise RuntimeError(f"{func}: tensors lie on {NAME}:0 and on the CPU")
    asked = kwargs.get("device")
    to_there = from_there if asked is None else torch.device(asked).type == NAME
    if asked is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    out = func(*tree_map(_inner, args), **tree_map(_inner, kwargs))
    if func._schema.is_mutable:
        return args[0] if isinstance(out, Tensor) else out
    if not to_there:
        return out
    there = tree_map(lambda one: Elsewhere(one) if isinstance(one, Tensor) else one, out)
    return return_and_correct_aliasing(func, args, kwargs, there) if from_there else there


def _inner(one: Any) -> Any:
    return one.inner if isinstance(one, Elsewhere) else one
