"""Every judge reply, raw, in one SQLite file, so that nothing is paid twice. Knows no judge."""

import hashlib
import json
import os
import sqlite3
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

CLAIM_SECONDS = 600
"""A claim older than this is taken over even where its process seems to live."""

OPEN_SECONDS = 30
"""How long to wait for a file that others are writing to."""

_THIS_TIME = uuid.uuid4().hex
"""Marks this life of the process: the next one may well get the same pid, as in a container."""

_SCHEMA = """
create table if not exists replies (
    key text primary key,
    address text not null, opening text not null, completion text not null,
    opening_index integer not null, completion_index integer not null,
    judge text not null, base_url text not null, protocol text not null, repeat integer not null,
    seed integer not null, asked text, assessment text, grade text,
    input_tokens integer not null default 0, output_tokens integer not null default 0,
    cost real, claimed_by text, claimed_at real, changed_at real
);
"""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One completion to be graded, and where it came from."""

    address: str
    opening: str
    completion: str
    opening_index: int
    completion_index: int
    repeat: int = 0
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is stored of one item: None where a turn has not been answered yet."""

    item: Item
    judge: str
    assessment: str | None
    grade: str | None
    cost: float | None
    input_tokens: int
    output_tokens: int

    @property
    def finished(self) -> bool:
        """Nothing is left to ask: both turns are answered, or the first one with silence."""
        return self.grade is not None or self.assessment == ""


class GradeStore:
    """The file. Several threads and processes may use it at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as db:
            _write_ahead(db)
            db.executescript(_SCHEMA)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self.path, timeout=OPEN_SECONDS, isolation_level=None)
        try:
            yield db
        except sqlite3.Error as error:
            raise OSError(f"{self.path} cannot be used for grades: {error}") from None
        finally:
            db.close()

    def claim(self, item: Item, judge: str, base_url: str, protocol: str) -> Row | None:
        """Take an item to be asked about; None where somebody alive is asking already."""
        key, now = item_key(item, judge, base_url, protocol), time.time()
        with self._open() as db:
            db.execute("begin immediate")
            db.execute(
                "insert or ignore into replies (key, address, opening, completion, opening_index,"
                " completion_index, judge, base_url, protocol, repeat, seed)"
                " values (?,?,?,?,?,?,?,?,?,?,?)",
                (
                    key, item.address, item.opening, item.completion, item.opening_index,
                    item.completion_index, judge, base_url, protocol, item.repeat, item.seed,
                ),
            )  # fmt: skip
            holder, since, grade = db.execute(
                "select claimed_by, claimed_at, grade from replies where key = ?", (key,)
            ).fetchone()
            held = holder is not None and _is_working(holder)
            if grade is None and held and now - since < CLAIM_SECONDS:
                db.execute("rollback")
                return None
            if grade is None:
                db.execute(
                    "update replies set claimed_by = ?, claimed_at = ? where key = ?",
                    (_me(), now, key),
                )
            db.execute("commit")
        return self.row(item, judge, base_url, protocol)

    def row(self, item: Item, judge: str, base_url: str, protocol: str) -> Row:
        """What is stored of an item, nothing yet included."""
        with self._open() as db:
            found = db.execute(
                "select assessment, grade, cost, input_tokens, output_tokens from replies"
                " where key = ?",
                (item_key(item, judge, base_url, protocol),),
            ).fetchone() or (None, None, None, 0, 0)
        assessment, grade, cost, input_tokens, output_tokens = found
        return Row(
            item=item,
            judge=judge,
            assessment=assessment,
            grade=grade,
            cost=cost,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
        )

    def keep(
        self,
        item: Item,
        judge: str,
        base_url: str,
        protocol: str,
        *,
        turn: Literal["assessment", "grade"],
        asked: Sequence[Mapping[str, str]],
        text: str,
        input_tokens: int,
        output_tokens: int,
        cost: float | None,
    ) -> None:
        """Store a turn's reply the moment it came, with the whole conversation it answers."""
        with self._open() as db:
            db.execute(
                f"update replies set {turn} = ?, asked = ?, input_tokens = input_tokens + ?,"
                " output_tokens = output_tokens + ?,"
                " cost = case when ? is null then cost else coalesce(cost, 0) + ? end,"
                " changed_at = ?, claimed_at = ? where key = ?",
                (
                    text, json.dumps(list(asked)), input_tokens, output_tokens, cost, cost,
                    time.time(), time.time(),
                    item_key(item, judge, base_url, protocol),
                ),
            )  # fmt: skip

    def release(self, item: Item, judge: str, base_url: str, protocol: str) -> None:
        """Let an item go that was claimed and not finished."""
        with self._open() as db:
            db.execute(
                "update replies set claimed_by = null where key = ? and claimed_by = ?",
                (item_key(item, judge, base_url, protocol), _me()),
            )

    def rows(self, address: str | None = None) -> list[Row]:
        """Everything stored with at least one reply, of one checkpoint or of all."""
        with self._open() as db:
            found = db.execute(
                "select address, opening, completion, opening_index, completion_index, repeat, seed,"
                " judge, assessment, grade, cost, input_tokens, output_tokens from replies"
                " where assessment is not null and (? is null or address = ?)"
                " order by address, judge, opening_index, completion_index, repeat",
                (address, address),
            ).fetchall()
        return [
            Row(
                item=Item(
                    address=r[0], opening=r[1], completion=r[2], opening_index=r[3],
                    completion_index=r[4], repeat=r[5], seed=r[6],
                ),
                judge=r[7], assessment=r[8], grade=r[9], cost=r[10],
                input_tokens=r[11], output_tokens=r[12],
            )
            for r in found
        ]  # fmt: skip


def item_key(item: Item, judge: str, base_url: str, protocol: str) -> str:
    """The same for the same text, judge and protocol: what is paid once."""
    parts = (item.opening, item.completion, judge, base_url, protocol, str(item.repeat))
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def _write_ahead(db: sqlite3.Connection) -> None:
    """Switch to the write-ahead log; where others do so too, SQLite itself does not wait."""
    deadline = time.monotonic() + OPEN_SECONDS
    while True:
        try:
            db.execute("pragma journal_mode=wal")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _me() -> str:
    return f"{os.getpid()}:{_THIS_TIME}"


def _is_working(holder: str) -> bool:
    """Whether the process that claimed is this one, or another that is alive."""
    pid = int(holder.partition(":")[0])
    if pid == os.getpid():
        return holder == _me()
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
