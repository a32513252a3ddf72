"""Look into an SQLite file without writing: no table is made, nothing is left beside it, no lock stays."""

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from slm.errors import BadInput

T = TypeVar("T")
WAIT_SECONDS = 30
SETTLED = 0.1
"""Seconds after its last change for which a file is taken to be in use."""


def look(path: Path, ask: Callable[[sqlite3.Connection], T]) -> T:
    """What `ask` finds in the file. `BadInput` where it is damaged, `FileNotFoundError` without one,
    `OSError` where it cannot be read now, for the disk is full, say.

    A file that nobody writes to is opened as one that cannot change (`immutable`), for SQLite would
    else leave a log beside it; whether it did change is looked at afterwards. A file in use is opened
    for reading, with the log that its writer keeps.
    """
    if not path.is_file():
        if path.exists():
            raise BadInput(f"{path} is no file")
        raise FileNotFoundError(path)
    try:
        if (before := _rest(path)) is not None:
            try:
                found = _ask(path, "immutable=1", ask)
            except (sqlite3.Error, ValueError):
                if _rest(path) == before:
                    raise
            else:
                if _rest(path) == before:
                    return found
        try:
            return _ask(path, "mode=ro", ask)
        except sqlite3.OperationalError as error:
            if _has_log(path):
                raise OSError(
                    f"{path} cannot be read with what was last written to it: {error}"
                ) from None
            return _ask(path, "immutable=1", ask)  # nothing can be made beside it
    except (sqlite3.Error, ValueError, OverflowError) as error:  # whose own words may be damaged
        raise BadInput(f"{path} cannot be read: {error}; restore it or move it away") from None


def storable(*values: object) -> tuple[object, ...]:
    """Values as SQLite takes them: half a character (a lone surrogate) becomes its escape, `\\ud800`."""
    return tuple(
        value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
        for value in values
    )


def damage(path: Path) -> str:
    """What is wrong with the file, in a line; empty where nothing is seen at its beginning."""
    try:
        look(path, lambda db: db.execute("select count(*) from sqlite_master").fetchone())
    except (BadInput, OSError) as error:
        return str(error)
    return ""


def _ask(path: Path, how: str, ask: Callable[[sqlite3.Connection], T]) -> T:
    name = f"file:{quote(os.fsencode(path.absolute()))}?{how}"
    db = sqlite3.connect(name, uri=True, timeout=WAIT_SECONDS, isolation_level=None)
    try:
        return ask(db)
    finally:
        db.close()


def _rest(path: Path) -> tuple[int, int] | None:
    """When a file changed last, and its size; None where it is in use, or may be."""
    if _has_log(path):
        return None
    there = path.stat()
    if time.time() - there.st_mtime < SETTLED:
        return None
    return there.st_mtime_ns, there.st_size


def _has_log(path: Path) -> bool:
    """Whether what was written last lies in SQLite's log beside the file."""
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0
