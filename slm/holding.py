"""Who works on something: a lock that can be asked about without being taken, and who holds it.

The lock is the system's: it is freed when its process dies, however that dies, and holds between
containers that share the folder. Asking takes nothing and writes nothing, so that nobody who asks
can keep another from working, and it can be asked of a folder that cannot be written.
"""

import contextlib
import errno
import os
import signal
import socket
import struct
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
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


# --- the lock -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def holding(path: Path, *, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock `path`, a file that is made and stays; `Held` where another does.

    `wait` is how many seconds to wait for another to let go.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not _can_be_asked():
        try:
            with FileLock(path, timeout=max(wait, WAITS), poll_interval=0.01):
                yield
        except Timeout:
            raise Held(path) from None
        return
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        until = time.monotonic() + wait
        while not _take(file):
            if time.monotonic() >= until:
                raise Held(path)
            time.sleep(0.05)
        yield
    finally:
        os.close(file)  # which frees it


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock `path`. Takes nothing and writes nothing on Linux.

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


class Held(Exception):
    """Another process holds the lock."""


@cache
def _can_be_asked() -> bool:
    """Whether the system has locks of an open file (F_OFD_SETLK), as Linux has."""
    if not hasattr(fcntl, "F_OFD_GETLK") or struct.calcsize("P") != 8:
        return False
    with tempfile.TemporaryFile() as file, contextlib.suppress(OSError):
        return _asked(file.fileno()) == fcntl.F_UNLCK
    return False


def _asked(file: int) -> int:
    """Who would be in the way of a lock: F_UNLCK where nobody would."""
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


# --- the process --------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process that no other can be taken for: not on another machine, nor after a restart.

    `boot` tells this run of the system and this container from any other, `began` is the system's
    clock at the start of the process; both are empty where the system does not tell.
    """

    pid: int
    host: str
    boot: str
    began: str

    @classmethod
    def of(cls, pid: int) -> "Process":
        """The process of this machine that has this number now."""
        return cls(pid=pid, host=socket.gethostname(), boot=_boot(), began=_began(pid))

    def is_here(self) -> bool:
        """Whether it certainly is a living process of this machine and container."""
        return bool(self.boot and self.began) and self == Process.of(self.pid)

    def may_live(self) -> bool:
        """Whether it may be alive: of another machine's that is not known here."""
        if self.host != socket.gethostname():
            return True
        if self.boot != _boot():
            return False
        if self.began:
            return self.began == _began(self.pid)
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except OSError:
            return True
        return True

    def ask_to_end(self) -> bool:
        """Send SIGTERM where it certainly is this very process; whether that was done."""
        if not self.is_here():
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        return True


def _boot() -> str:
    """The kernel's id of this boot, and of the namespace in which numbers of processes hold."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _began(pid: int) -> str:
    """When the process began, in ticks since boot (field 22 of /proc/PID/stat)."""
    try:
        about = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return ""
    return about.rpartition(")")[2].split()[19]  # the name before it may hold anything
