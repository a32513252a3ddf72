"""Writing files so that a kill at any moment leaves either the old file or the new one, whole."""

import contextlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from safetensors import SafetensorError

from slm.errors import one_line

T = TypeVar("T")


class CannotWrite(OSError):
    """A file cannot be written. As text: why not, in the system's words, and the file's path."""

    def __str__(self) -> str:
        return f"{self.strerror}: {self.filename}"


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name `path`, a file or a folder, in whatever keeps it from being written: `CannotWrite`.

    The errors of other files, and of the network, pass.
    """
    try:
        yield
    except SafetensorError as error:  # it writes by itself, and wraps the system's error
        number = re.search(r"\(os error (\d+)\)", str(error))
        why = os.strerror(int(number[1])) if number else one_line(str(error))
        raise CannotWrite(int(number[1]) if number else None, why, str(path)) from None
    except OSError as error:
        if type(error) is not OSError and error.errno is None:  # a library's own kind
            raise
        if isinstance(error, CannotWrite | ConnectionError | TimeoutError):
            raise
        if error.filename is not None and not _belongs(Path(os.fsdecode(error.filename)), path):
            raise
        why = error.strerror or one_line(str(error))  # numpy tells how much was written, no number
        raise CannotWrite(error.errno, why, str(path)) from None


def _belongs(file: Path, path: Path) -> bool:
    """Return whether `file` is written, or its folder made, on the way to `path`."""
    return file.is_relative_to(path.parent) or path.is_relative_to(file)


def said(error: OSError) -> str:
    """Say what went wrong with which file, as `CannotWrite` does."""
    if error.filename is None or error.strerror is None:
        return error.strerror or str(error)
    return f"{error.strerror}: {os.fsdecode(error.filename)}"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it into place on success, remove it on error.

    Raises `CannotWrite` (a full disk, say) with `path` untouched.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
        beside = Path(name)
        try:
            yield beside
            beside.chmod(0o644)
            os.replace(beside, path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`, whole or not at all."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


class DiskReserve:
    """Hold some bytes of a disk for what must be written even when it is full.

    The bytes lie in a nameless file, which the system removes when this process ends, whatever way.
    Raises `OSError` naming the folder where there is no room for them.
    """

    def __init__(self, folder: Path, size: int) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # __exit__ closes it
            self._file.write(os.urandom(size))  # nothing that a disk could store in less
            self._file.flush()
        except OSError as error:
            raise CannotWrite(error.errno, error.strerror, str(folder)) from None

    def __enter__(self) -> "DiskReserve":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def keep(self, write: Callable[[], T]) -> T:
        """Call `write`; where it fails, give the bytes back, call it again, and raise all the same.

        So what was already paid for is on disk, and whoever goes on learns that there is no room.
        """
        try:
            return write()
        except OSError:
            self._file.truncate(0)
            write()
            raise


def leftovers(folder: Path) -> Iterator[Path]:
    """Yield the half-written files in and below `folder` whose process was killed.

    `replacing` writes `.NAME.….part`; safetensors writes `.tmp……` beside that and renames it.
    """
    for pattern in (".*.part", ".tmp??????"):
        yield from (path for path in folder.rglob(pattern) if path.is_file())
