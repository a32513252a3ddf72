"""Lock a file for one process, and test for the lock without taking it.

The lock is the system's: it is freed when its process dies, however that dies, and holds between
containers that share the folder. Asking takes nothing and writes nothing, so that nobody who asks
can keep another from working, and it can be asked of a folder that cannot be written.
"""

import contextlib
import errno
import os
import struct
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from filelock import FileLock, Timeout

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

WAITS = 2.0
"""Seconds that taking a lock waits for those who only ask, where it can be asked only by taking it."""

_LAYOUT = "hhqqi0q"
"""C's `struct flock` on 64-bit Linux: type, whence, start, length (0: to the end), process."""


@contextlib.contextmanager
def hold_lock(path: Path, *, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock `path`, a file that is made and stays; `LockHeld` where another does.

    `wait` is how many seconds to wait for another to let go.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not _can_be_asked():
        try:
            with FileLock(path, timeout=max(wait, WAITS), poll_interval=0.01):
                yield
        except Timeout:
            raise LockHeld(path) from None
        return
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        until = time.monotonic() + wait
        while not _take(file):
            if time.monotonic() >= until:
                raise LockHeld(path)
            time.sleep(0.05)
        yield
    finally:
        os.close(file)  # which frees it


def is_locked(path: Path) -> bool:
    """Return whether a living process holds the lock `path`, without taking it on Linux.

    Elsewhere it is taken for a moment, shared, which `holding` waits for.
    """
    try:
        file = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError:  # it is not there, or is not ours to read
        return False
    try:
        if _can_be_asked():
            return _asked(file) != fcntl.F_UNLCK
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
        with FileLock(path, timeout=0):
            return False
    except (BlockingIOError, Timeout):
        return True
    finally:
        os.close(file)


class LockHeld(Exception):
    """Another process holds the lock."""


@cache
def _can_be_asked() -> bool:
    """Return whether the system has open-file-description locks (F_OFD_SETLK), as Linux has."""
    if not hasattr(fcntl, "F_OFD_GETLK") or struct.calcsize("P") != 8:
        return False
    with tempfile.TemporaryFile() as file, contextlib.suppress(OSError):
        return _asked(file.fileno()) == fcntl.F_UNLCK
    return False


def _asked(file: int) -> int:
    """Return the type of the conflicting lock; F_UNLCK where there is none."""
    lock = struct.pack(_LAYOUT, fcntl.F_WRLCK, 0, 0, 0, 0)
    return int(struct.unpack(_LAYOUT, fcntl.fcntl(file, fcntl.F_OFD_GETLK, lock))[0])


def _take(file: int) -> bool:
    try:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack(_LAYOUT, fcntl.F_WRLCK, 0, 0, 0, 0))
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        raise
    return True
