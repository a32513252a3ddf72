"""Choose the device of a training, and check that the model fits its memory."""

import contextlib
import os
from collections.abc import Iterator

import torch

from slm.errors import BadInput, shown
from slm.model.config import ModelConfig, count_parameters

BYTES_A_PARAMETER = 12
"""At least: the parameter, its gradient and one optimizer moment, in float32."""


def choose_device(asked: str) -> str:
    """Return the device that `asked` names, as torch writes it; "auto" is CUDA if there, else CPU.

    Raises `BadInput` for what names no device, and for one that this machine does not have.
    """
    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(asked)
        there = torch.get_device_module(device)
    except RuntimeError:
        raise BadInput(f"a device is auto, cpu, cuda or mps, not {shown(asked)}") from None
    if not there.is_available() or (device.index or 0) >= there.device_count():
        raise BadInput(f"this machine has no device {asked} that torch can use: try auto or cpu")
    return str(device)


class OutOfMemory(ArithmeticError):
    """A device is out of memory. One line says which, and what to do."""


@contextlib.contextmanager
def naming_memory(device: str) -> Iterator[None]:
    """Raise `OutOfMemory` where torch is out of memory (it has an error of its own for GPUs only)."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error):
            raise OutOfMemory(
                f"there is no memory left on {device}: train a smaller shape, or fewer rows a step "
                "(--batch)"
            ) from None
        raise


def check_memory(config: ModelConfig, device: str) -> None:
    """Raise `BadInput` where a model of this shape cannot be trained in the memory that is there."""
    parameters = count_parameters(config).total
    needed, there = parameters * BYTES_A_PARAMETER, _memory(device)
    if there is not None and needed > there:
        raise BadInput(
            f"a model of {parameters:,} parameters takes over {needed / 1e9:,.0f} GB to train, and "
            f"there are {there / 1e9:,.0f} GB on this machine's {device}"
        )


def _memory(device: str) -> int | None:
    """Return the bytes of a device's memory; None where that is not known."""
    kind = torch.device(device).type
    if kind == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    if kind == "cpu" and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None
