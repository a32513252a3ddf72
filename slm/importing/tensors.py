"""Files of tensors that others wrote: their names and shapes are known before anything is allocated."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from slm.errors import BadInput, shown
from slm.importing.json_files import read_json, refuse_pointer
from slm.importing.pickles import unpickled

TensorShape = tuple[int, ...]

FLOATS = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


@dataclass(frozen=True, kw_only=True, eq=False)
class ForeignTensors:
    """Tensors by name. `shapes` is known at once; `read` gives one as it is stored.

    `half` tells that all are stored in float16. `unread` are those of other kinds of numbers, and of
    which; a model may hold some that it needs not (masks), and lacks the others.
    """

    shapes: Mapping[str, TensorShape]
    read: Callable[[str], Tensor]
    half: bool
    unread: Mapping[str, str] = field(default_factory=dict)

    def same(self, one: str, other: str) -> bool:
        """Return whether two tensors exist and are equal."""
        if not {one, other} <= self.shapes.keys() or self.shapes[one] != self.shapes[other]:
            return False
        return bool(torch.equal(self.read(one), self.read(other)))

    def without(self, prefix: str) -> "ForeignTensors":
        """Strip `prefix` from the tensor names that have it."""
        return self.renamed(lambda name: name.removeprefix(prefix))

    def as_trained(self) -> "ForeignTensors":
        """Strip the prefixes that `torch.compile` and `DataParallel` add to tensor names."""
        return self.renamed(lambda name: name.replace("_orig_mod.", "").removeprefix("module."))

    def renamed(self, name_of: Callable[[str], str]) -> "ForeignTensors":
        """Rename the tensors; `BadInput` where two get the same name."""
        names = {name_of(name): name for name in self.shapes}
        if len(names) < len(self.shapes):
            twice = next(name for name in self.shapes if names[name_of(name)] != name)
            raise BadInput(f"the weights hold {shown(name_of(twice))} twice")
        return ForeignTensors(
            shapes={short: self.shapes[name] for short, name in names.items()},
            read=lambda short: self.read(names[short]),
            half=self.half,
            unread={name_of(name): kind for name, kind in self.unread.items()},
        )


def of_folder(folder: Path) -> ForeignTensors:
    """Open the weights of a Hugging Face folder: safetensors before pickles, sharded or not.

    Raises `BadInput` where there are none or a file is incomplete.
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
                raise BadInput(f"{index.name} names a file outside its folder: {shown(outside[0])}")
            return opened([folder / name for name in files])
    raise BadInput(f"{folder} holds neither model.safetensors nor pytorch_model.bin")


def of_safetensors(paths: list[Path]) -> ForeignTensors:
    """Open the tensors of safetensors files; `BadInput` where a file is incomplete."""
    shapes: dict[str, TensorShape] = {}
    unread: dict[str, str] = {}
    lies_in: dict[str, Any] = {}
    kinds: set[str] = set()
    for path in paths:
        try:
            refuse_pointer(path)
            file = safe_open(path, framework="pt")
            for name in file.keys():  # noqa: SIM118
                part = file.get_slice(name)
                if (kind := str(part.get_dtype())) not in FLOATS:
                    unread[name] = kind
                    continue
                shapes[name], lies_in[name] = tuple(part.get_shape()), file
                kinds.add(kind)
        except (SafetensorError, OSError) as error:
            raise BadInput(f"{path.name} is not a whole safetensors file: {error}") from None
    return ForeignTensors(
        shapes=shapes,
        read=lambda name: lies_in[name].get_tensor(name),
        half=kinds == {"F16"},
        unread=unread,
    )


def of_pickles(paths: list[Path]) -> ForeignTensors:
    """Open the tensors of `torch.save` files without running their code."""
    found: dict[str, Any] = {}
    for path in paths:
        data = unpickled(path)
        if not isinstance(data, dict):
            raise BadInput(f"{path.name} must hold tensors by name, not a {type(data).__name__}")
        found |= data
    return of_dict(found)


def of_dict(found: Mapping[Any, Any]) -> ForeignTensors:
    """Open unpickled tensors by name, leaving out what are no tensors.

    Raises `BadInput` for a tensor that claims more numbers than its storage holds.
    """
    kept: dict[str, Tensor] = {}
    unread: dict[str, str] = {}
    for name, tensor in found.items():
        if not isinstance(tensor, Tensor) or not isinstance(name, str):
            continue
        if tensor.layout != torch.strided or tensor.dtype not in FLOATS.values():
            unread[name] = str(tensor.dtype).removeprefix("torch.")
            continue
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise BadInput(f"{shown(name)} claims more numbers than its file holds")
        kept[name] = tensor.detach()
    return ForeignTensors(
        shapes={name: tuple(tensor.shape) for name, tensor in kept.items()},
        read=kept.__getitem__,
        half=bool(kept) and all(t.dtype == torch.float16 for t in kept.values()),
        unread=unread,
    )
