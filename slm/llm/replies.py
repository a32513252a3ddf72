"""Replies to single questions, raw, in one SQLite file, so that nothing is paid twice."""

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from slm.databases import look, storable

OPEN_SECONDS = 30
_SCHEMA = """
create table if not exists replies (
    key text primary key, asked text not null, judge text not null, base_url text not null,
    version text not null, reply text not null, cost real, at real not null
)
"""


class ReplyStore:
    """The file. Several threads and processes may use it at once. It is made when a reply is kept."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, timeout=OPEN_SECONDS, isolation_level=None)
        try:
            db.execute(_SCHEMA)
            yield db
        except sqlite3.Error as error:
            raise OSError(f"{self.path} cannot be used for replies: {error}") from None
        finally:
            db.close()

    def find(
        self, asked: Sequence[Mapping[str, str]], judge: str, base_url: str, version: str
    ) -> str | None:
        """The reply to this question by this judge; None where it was never asked.

        Writes nothing. Raises `BadInput` where the file is damaged.
        """
        key = _key(asked, judge, base_url, version)

        def ask(db: sqlite3.Connection) -> tuple[object] | None:
            if not db.execute("select 1 from sqlite_master where name = 'replies'").fetchone():
                return None
            found: tuple[object] | None = db.execute(
                "select reply from replies where key = ?", (key,)
            ).fetchone()
            return found

        try:
            found = look(self.path, ask)
        except FileNotFoundError:
            return None
        return None if found is None else str(found[0])

    def keep(
        self,
        asked: Sequence[Mapping[str, str]],
        judge: str,
        base_url: str,
        version: str,
        *,
        text: str,
        cost: float | None,
    ) -> None:
        """Store a reply with the question it answers."""
        with self._open() as db:
            db.execute(
                "insert or replace into replies values (?,?,?,?,?,?,?,?)",
                storable(
                    _key(asked, judge, base_url, version),
                    json.dumps(list(asked)),
                    judge,
                    base_url,
                    version,
                    text,
                    cost,
                    time.time(),
                ),
            )


def _key(asked: Sequence[Mapping[str, str]], judge: str, base_url: str, version: str) -> str:
    parts = json.dumps([list(asked), judge, base_url, version])
    return hashlib.blake2b(parts.encode(), digest_size=16).hexdigest()
