"""What cannot be written is one line: why not, and which file."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from slm.cli import main
from slm.files import CannotWrite, leftovers, replacing, said, write_text, writing

NO_SPACE = os.strerror(errno.ENOSPC)


def test_a_full_disk_is_named_with_the_file_whatever_writes_it(tmp_path: Path) -> None:
    path, full = tmp_path / "file", Path("/dev/full")

    def by_python() -> None:
        full.write_bytes(b"0")

    def by_handle() -> None:
        with full.open("wb") as file:
            file.write(b"0" * 100_000)

    for write in (by_python, by_handle):
        with pytest.raises(CannotWrite) as caught, writing(path):
            write()
        assert str(caught.value) == f"{NO_SPACE}: {path}" and caught.value.errno == errno.ENOSPC


def test_what_the_library_of_weights_could_not_write_is_named_too(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite) as caught, writing(tmp_path / "file"):
        save_file({"a": torch.zeros(4)}, tmp_path / "nowhere" / "file")
    assert str(caught.value) == f"{os.strerror(errno.ENOENT)}: {tmp_path / 'file'}"


def test_what_a_killed_process_left_half_written_is_found(tmp_path: Path) -> None:
    for name in (".run.json.x1.part", ".tmpaB3dE9", "run.json", ".lock", "tmpabcdef"):
        (tmp_path / name).write_text("")
    assert sorted(path.name for path in leftovers(tmp_path)) == [".run.json.x1.part", ".tmpaB3dE9"]


def test_what_numpy_could_not_write_is_named_too(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="requested and") as caught, writing(tmp_path / "file"):
        np.zeros(100_000).tofile("/dev/full")
    assert str(caught.value).endswith(f": {tmp_path / 'file'}")


def test_a_folder_that_cannot_be_made_names_the_file_meant(tmp_path: Path) -> None:
    (tmp_path / "in the way").write_text("")
    path = tmp_path / "in the way" / "a" / "file"
    with pytest.raises(CannotWrite) as caught:
        write_text(path, "text")
    assert str(caught.value) == f"{os.strerror(errno.ENOTDIR)}: {path}"


def test_what_goes_wrong_elsewhere_passes_as_it_is(tmp_path: Path) -> None:
    for error in (ConnectionResetError(errno.ECONNRESET, "reset"), TimeoutError("too late")):
        with pytest.raises(type(error)) as caught, replacing(tmp_path / "a" / "file"):
            raise error
        assert caught.value is error
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a" / "file"):
        (tmp_path / "b" / "another").read_bytes()
    assert not list((tmp_path / "a").iterdir())


def test_an_error_of_the_system_is_said_without_its_number() -> None:
    assert said(FileNotFoundError(errno.ENOENT, "No such file", "a/b")) == "No such file: a/b"
    assert said(OSError("sqlite says no")) == "sqlite says no"


def test_the_command_line_says_it_in_one_line(
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SLM_RUNS", str(tmp_path / "file"))
    assert main(["train", "--name", "r", "--corpus", str(corpus)]) == 1
    said_of_it = capsys.readouterr().err
    assert said_of_it.count("\n") == 1 and "[Errno" not in said_of_it
    assert str(tmp_path / "file") in said_of_it
