"""Identify a process beyond its number, and ask it to end."""

import contextlib
import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path


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
        """Identify the local process that has this pid now."""
        return cls(pid=pid, host=socket.gethostname(), boot=_boot(), began=_began(pid))

    def is_here(self) -> bool:
        """Return whether it certainly is a living process of this machine and container."""
        return bool(self.boot and self.began) and self == Process.of(self.pid)

    def may_live(self) -> bool:
        """Return whether it may be alive: another machine's counts as alive."""
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
    """Return the kernel's boot id and pid namespace; empty where the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _began(pid: int) -> str:
    """Return when the process began, in ticks since boot (field 22 of /proc/PID/stat)."""
    try:
        about = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return ""
    return about.rpartition(")")[2].split()[19]  # the name before it may hold anything
