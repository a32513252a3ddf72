"""Reading of `torch.save` files: tensors and plain values, no other class.

TransformerLens' `to_dict()` holds two numbers of numpy. They are read as plain numbers, by stand-ins
for the two names of numpy that such a pickle asks for; numpy itself makes nothing of it.
"""

import json
import re
import struct
import threading
import zipfile
from pathlib import Path
from typing import Any

import torch

from slm.errors import BadInput, one_line
from slm.importing.json_files import refuse_pointer

FORMATS = {"f2": "e", "f4": "f", "f8": "d", "b1": "?"} | {
    f"{sign}{size}": letter
    for size, pair in ((1, "bB"), (2, "hH"), (4, "iI"), (8, "qQ"))
    for sign, letter in zip("iu", pair, strict=True)
}
"""numpy's names of numbers, and the struct module's."""
LOADING = threading.Lock()
"""torch keeps the names that a file may ask for in one place for all threads."""
WRONG_CLASS = re.compile(r"[A-Za-z_][\w.]{0,79}", re.ASCII)


class NumberType:
    """Stands for `numpy.dtype`: which kind of number follows."""

    def __init__(self, kind: object, *_: object) -> None:
        if kind not in FORMATS:
            raise ValueError(f"numpy's {kind!r} is no number")
        self.format, self.order = FORMATS[str(kind)], "<"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """Take the order of bytes from what numpy wrote, and nothing else."""
        self.order = ">" if state[1] == ">" else "<"


def number_of(kind: NumberType, data: bytes) -> float | int | bool:
    """Convert a pickled numpy scalar to a Python number."""
    if not isinstance(kind, NumberType) or not isinstance(data, bytes):
        raise ValueError("a number of numpy is a type and some bytes")
    (value,) = struct.unpack(kind.order + kind.format, data)
    return value


NUMPY = [
    (NumberType, "numpy.dtype"),
    (number_of, "numpy._core.multiarray.scalar"),
    (number_of, "numpy.core.multiarray.scalar"),  # before numpy 2
]


def unpickled(path: Path) -> Any:
    """Load tensors and plain values from a file of `torch.save`, never running code.

    Raises `BadInput` for any other file, for one that unpacks to more than its own size, and for one
    with an object of any other class, which is named.
    """
    try:
        refuse_pointer(path)
        size = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
        raise BadInput(
            f"{path.name} is no file that torch.save wrote (since PyTorch 1.6): {error}"
        ) from None
    packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
    if packed or sum(entry.file_size for entry in entries) > size:
        raise BadInput(
            f"{path.name} unpacks to more than its own size, which torch.save never does"
        )
    try:
        with LOADING, torch.serialization.safe_globals(NUMPY):  # type: ignore[arg-type]
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # what a broken pickle raises has no narrower class
        if objects := _objects(path):
            raise BadInput(
                f"{path.name} holds an object of the class {objects}, and no object is ever unpickled "
                "here; save tensors and plain values alone, such as model.state_dict()"
            ) from None
        reason = str(error).strip().split("\n")[0]
        raise BadInput(f"{path.name} cannot be unpickled safely: {one_line(reason)}") from None


def _objects(path: Path) -> str:
    """Return the disallowed class that a pickle references; empty where it cannot be determined."""
    allowed = {name for _, name in NUMPY}
    try:
        asked = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # what a broken pickle raises has no narrower class
        return ""
    named = [name for name in asked if name not in allowed and WRONG_CLASS.fullmatch(name)]
    return min(named, key=lambda name: (name.startswith("builtins."), name), default="")


def as_configuration(path: Path, found: Any) -> dict[str, Any]:
    """Convert a pickled configuration to JSON values; `BadInput` where it holds anything else."""
    try:
        data = json.loads(json.dumps(found, default=str))
    except (TypeError, ValueError, RecursionError):
        raise BadInput(f"the configuration in {path.name} must hold plain values") from None
    if not isinstance(data, dict):
        raise BadInput(f"the configuration in {path.name} must hold fields by name")
    return data
