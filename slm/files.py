"""Writing files so that a kill at any moment leaves either the old file or the new one, whole."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it into place on success, remove it on error.

    Raises `OSError` (a full disk, say) with `path` untouched.
    """
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
            raise OSError(error.errno, error.strerror, str(folder)) from None

    def __enter__(self) -> "DiskReserve":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def keep(self, write: Callable[[], None]) -> None:
        """Call `write`; where it fails, give the bytes back, call it again, and raise all the same.

        So what was already paid for is on disk, and whoever goes on learns that there is no room.
        """
        try:
            write()
        except OSError:
            self._file.truncate(0)
            write()
            raise


def leftovers(folder: Path) -> Iterator[Path]:
    """What `replacing` left half-written in `folder` and below it where its process was killed."""
    return (path for path in folder.rglob(".*.part") if path.is_file())
