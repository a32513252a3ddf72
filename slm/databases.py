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
TRIES, PAUSE = 20, 0.05
"""How often a file is looked at whose log comes and goes meanwhile, and the seconds in between."""


def look(path: Path, ask: Callable[[sqlite3.Connection], T]) -> T:
    """Run a query, `ask`, on an SQLite file without writing anything to it or beside it.

    A file without a writer is opened as `immutable`, for SQLite would else leave a log beside it;
    whether it changed meanwhile is checked afterwards. A file in use is opened read-only, with its
    writer's log. Raises `BadInput` where it is damaged, `FileNotFoundError` where there is none, and
    `OSError` where it cannot be read now, for example on a full disk.
    """
    if not path.exists():  # somebody may make it at this moment
        raise FileNotFoundError(path)
    if not path.is_file():
        raise BadInput(f"{path} is no file")
    said: sqlite3.Error | None = None
    for _ in range(TRIES):
        try:
            if _is_settled(path) and (found := _ask_at_rest(path, ask)) is not None:
                return found[0]
            try:
                return _ask(path, "mode=ro", ask)
            except sqlite3.OperationalError as error:
                said = error
                # nothing can be made beside it, or its log came or went at this moment
                if (found := _ask_at_rest(path, ask)) is not None:
                    return found[0]
        except (
            sqlite3.Error,
            ValueError,
            OverflowError,
        ) as error:  # whose own words may be damaged
            raise BadInput(f"{path} cannot be read: {error}; restore it or move it away") from None
        time.sleep(PAUSE)
    raise OSError(f"{path} cannot be read with what was last written to it: {said}")


def _ask_at_rest(path: Path, ask: Callable[[sqlite3.Connection], T]) -> tuple[T] | None:
    """Run `ask` on an unchanging file; None where it changed meanwhile or has a log."""
    if (before := _state(path)) is None:
        return None
    try:
        found = _ask(path, "immutable=1", ask)
    except (sqlite3.Error, ValueError, OverflowError):
        if _state(path) == before:
            raise
        return None
    return (found,) if _state(path) == before else None


def storable(*values: object) -> tuple[object, ...]:
    r"""Replace lone surrogates, which SQLite cannot store, by their escapes (`\ud800`)."""
    return tuple(
        value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
        for value in values
    )


def damage(path: Path) -> str:
    """Describe in one line why the file cannot be opened; empty where it can."""
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


def _state(path: Path) -> tuple[int, int] | None:
    """Return a file's modification time and size; None where its newest writes lie in its log."""
    if _has_log(path):
        return None
    there = path.stat()
    return there.st_mtime_ns, there.st_size


def _is_settled(path: Path) -> bool:
    """Return whether the file was not written to for `SETTLED` seconds."""
    return time.time() - path.stat().st_mtime >= SETTLED


def _has_log(path: Path) -> bool:
    """Return whether the newest writes lie in SQLite's log beside the file."""
    try:
        return path.with_name(path.name + "-wal").stat().st_size > 0
    except FileNotFoundError:  # its last writer takes it away
        return False
