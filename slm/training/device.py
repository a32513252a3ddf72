"""Where a model is trained."""

import torch

from slm.errors import BadInput, shown


def choose_device(asked: str) -> str:
    """The device that `asked` names, as torch writes it; "auto" is CUDA where it is there, else the CPU.

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
