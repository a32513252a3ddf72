"""Pickles hold tensors and plain values; of anything else the class is named and nothing is built."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from slm.errors import BadInput
from slm.importing.detect import detect
from slm.importing.pickles import NumberType, number_of, unpickled


def test_numbers_of_numpy_are_plain_numbers(tmp_path: Path) -> None:
    numbers = {
        "double": np.float64(2.8284271247461903),
        "single": np.float32(0.2),
        "half": np.float16(-1.5),
        "whole": np.int64(-(2**40)),
        "byte": np.uint8(255),
        "true": np.bool_(True),
    }
    torch.save(numbers, tmp_path / "numbers.pt")
    found = unpickled(tmp_path / "numbers.pt")
    assert found == {name: number.item() for name, number in numbers.items()}
    assert {type(value) for value in found.values()} == {float, int, bool}
    assert not any("numpy" in str(known) for known in torch.serialization.get_safe_globals())


def test_numbers_of_machines_with_the_other_order_of_bytes_are_the_same() -> None:
    kind = NumberType("i4", False, True)
    kind.__setstate__((3, ">", None, None, None, -1, -1, 0))
    assert number_of(kind, b"\0\0\0\7") == 7
    with pytest.raises(ValueError, match="is no number"):
        NumberType("O8", False, True)


@pytest.mark.parametrize(
    "value", [np.array([1.0]), np.datetime64("2020-01-01"), np.complex64(1), np.str_("a")]
)
def test_nothing_else_of_numpy_is_read(tmp_path: Path, value: Any) -> None:
    torch.save({"value": value}, tmp_path / "theirs.pt")
    with pytest.raises(
        BadInput, match=r"theirs\.pt (cannot be unpickled|holds an object)"
    ) as caught:
        unpickled(tmp_path / "theirs.pt")
    assert "\n" not in str(caught.value)


class GPTConfig:
    """As nanoGPT keeps its settings."""


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        (argparse.Namespace(lr=0.1), "argparse.Namespace"),
        (GPTConfig(), r"tests\.importing\.test_pickles\.GPTConfig"),
        (torch.nn.Linear(2, 2), r"torch\.nn\.modules\.linear\.Linear"),
    ],
)
def test_an_object_is_named_by_its_class_in_one_line(
    tmp_path: Path, thing: object, name: str
) -> None:
    torch.save({"model": {"a": torch.ones(2)}, "args": thing}, tmp_path / "theirs.pt")
    with pytest.raises(
        BadInput, match=f"theirs.pt holds an object of the class {name}, "
    ) as caught:
        detect(str(tmp_path / "theirs.pt"))
    said = str(caught.value)
    assert said.isprintable() and len(said) < 250 and "add_safe_globals" not in said


@pytest.mark.parametrize("name", ["model.safetensors", "model.pt", "model.bin", "config.json"])
def test_a_pointer_of_git_lfs_is_called_that(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 1234567\n"
    )
    with pytest.raises(BadInput, match=f"{name} is only git-lfs's pointer .*git lfs pull"):
        detect(str(tmp_path / name))
    with pytest.raises(BadInput, match=f"{name} is only git-lfs's pointer"):
        detect(str(tmp_path))
