"""Files of tensors that others wrote: their names and shapes are known before anything is allocated."""

import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from slm.errors import BadInput

Shape = tuple[int, ...]

FLOATS = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
JSON_BYTES = 50_000_000
"""The longest JSON file that is read: the largest tokenizer.json of 65,536 tokens has a tenth of it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Tensors:
    """Tensors by name. `shapes` is known at once; `read` gives one as it is stored.

    `half` tells that all are stored in float16.
    """

    shapes: Mapping[str, Shape]
    read: Callable[[str], Tensor]
    half: bool

    def without(self, prefix: str) -> "Tensors":
        """The same tensors, `prefix` taken from the names that have it."""
        names = {name.removeprefix(prefix): name for name in self.shapes}
        return Tensors(
            shapes={short: self.shapes[name] for short, name in names.items()},
            read=lambda short: self.read(names[short]),
            half=self.half,
        )


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; `BadInput` where it is none, or too long to be one of a model."""
    try:
        if path.stat().st_size > JSON_BYTES:
            raise BadInput(f"{path.name} must be at most {JSON_BYTES // 10**6} MB")
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path.name} is no JSON: {error}") from None
    except OSError as error:
        raise BadInput(f"{path.name} cannot be read: {error.strerror}") from None
    if not isinstance(data, dict):
        raise BadInput(f"{path.name} must hold a JSON object")
    return data


def of_folder(folder: Path) -> Tensors:
    """The weights of a Hugging Face folder: safetensors before pickles, one file or several.

    Raises `BadInput` where there are none or a file is not whole.
    """
    for stem, opened in (("model.safetensors", of_safetensors), ("pytorch_model.bin", of_pickles)):
        if (folder / stem).is_file():
            return opened([folder / stem])
        if (index := folder / f"{stem}.index.json").is_file():
            names = read_json(index).get("weight_map")
            if not isinstance(names, dict):
                raise BadInput(f"{index.name} must hold a weight_map")
            files = sorted({str(name) for name in names.values()})
            if outside := [name for name in files if Path(name).name != name]:
                raise BadInput(f"{index.name} names a file outside its folder: {outside[0]!r}")
            return opened([folder / name for name in files])
    raise BadInput(f"{folder} holds neither model.safetensors nor pytorch_model.bin")


def of_safetensors(paths: list[Path]) -> Tensors:
    """The tensors of safetensors files, but for those that are no floating-point numbers.

    Raises `BadInput` where a file is not whole.
    """
    shapes: dict[str, Shape] = {}
    lies_in: dict[str, Any] = {}
    kinds: set[str] = set()
    for path in paths:
        try:
            file = safe_open(path, framework="pt")
            for name in file.keys():  # noqa: SIM118
                part = file.get_slice(name)
                if (kind := str(part.get_dtype())) not in FLOATS:
                    continue
                shapes[name], lies_in[name] = tuple(part.get_shape()), file
                kinds.add(kind)
        except (SafetensorError, OSError) as error:
            raise BadInput(f"{path.name} is not a whole safetensors file: {error}") from None
    return Tensors(
        shapes=shapes, read=lambda name: lies_in[name].get_tensor(name), half=kinds == {"F16"}
    )


def of_pickles(paths: list[Path]) -> Tensors:
    """The tensors of files that `torch.save` wrote, none of whose code is run."""
    found: dict[str, Any] = {}
    for path in paths:
        data = unpickled(path)
        if not isinstance(data, dict):
            raise BadInput(f"{path.name} must hold tensors by name, not a {type(data).__name__}")
        found |= data
    return of_dict(found)


def of_dict(found: Mapping[Any, Any]) -> Tensors:
    """Tensors by name, as unpickled; what are no tensors of floating-point numbers is left out.

    Raises `BadInput` for a tensor that claims more numbers than its storage holds.
    """
    kept: dict[str, Tensor] = {}
    for name, tensor in found.items():
        if not isinstance(tensor, Tensor) or not isinstance(name, str):
            continue
        if tensor.layout != torch.strided or tensor.dtype not in FLOATS.values():
            continue
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise BadInput(f"{name[:80]!r} claims more numbers than its file holds")
        kept[name] = tensor.detach()
    return Tensors(
        shapes={name: tuple(tensor.shape) for name, tensor in kept.items()},
        read=kept.__getitem__,
        half=bool(kept) and all(t.dtype == torch.float16 for t in kept.values()),
    )


def unpickled(path: Path) -> Any:
    """What `torch.save` wrote: tensors and plain values. Code in it is refused, never run.

    Raises `BadInput` for any other file, and for one that unpacks to more than its own size.
    """
    try:
        size = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise BadInput(
            f"{path.name} is no file that torch.save wrote (since PyTorch 1.6): {error}"
        ) from None
    packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
    if packed or sum(entry.file_size for entry in entries) > size:
        raise BadInput(
            f"{path.name} unpacks to more than its own size, which torch.save never does"
        )
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # what a broken pickle raises has no narrower class
        reason = str(error).strip().split("\n")[0][:200]
        raise BadInput(f"{path.name} cannot be unpickled safely: {reason}") from None
