"""Every judge reply, raw, in one SQLite file, so that nothing is paid twice. Knows no judge."""

import hashlib
import json
import os
import sqlite3
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from slm.databases import look, storable
from slm.errors import BadInput, shown
from slm.grading.tables import OPEN_SECONDS, bring_up_to_date, version_of, write_ahead
from slm.processes import Process
from slm.reading import typed

CLAIM_SECONDS = 600
"""A claim older than this is taken over even where its process seems to live."""

_THIS_TIME = uuid.uuid4().hex
"""Marks this life of the process: the next one may well get the same pid, as in a container."""

_ANSWERS = "assessment, grade, cost, input_tokens, output_tokens, refusal"
_KINDS: tuple[Any, ...] = (
    str,
    str,
    str,
    int,
    int,
    int,
    int,
    str,
    str | None,
    str,
    str,
    str | None,
    str | None,
    float | int | None,
    int,
    int,
    str | None,
)
"""What each column of `rows` holds: SQLite takes anything in any of them."""

Kind = Literal["story", "pair", "human", "shuffled", "elsewhere"]
"""A model's story, a pair of them, or what a judge is tested with (see `calibration`)."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One completion to be graded, and where it came from.

    In a pair, `other` is the completion that stands second, from `other_address`. `address` is
    empty for a story that no model wrote.
    """

    address: str
    opening: str
    completion: str
    opening_index: int
    completion_index: int
    repeat: int = 0
    seed: int = 0
    kind: Kind = "story"
    other: str | None = None
    other_address: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is stored of one item: None where a turn has not been answered yet.

    `refusal` is what the server said where it would not read the text; None where it did.
    """

    item: Item
    judge: str
    assessment: str | None
    grade: str | None
    cost: float | None
    input_tokens: int
    output_tokens: int
    refusal: str | None = None

    @property
    def finished(self) -> bool:
        """Nothing is left to ask: both turns are answered, the first with silence, or it is refused."""
        return self.grade is not None or self.assessment == "" or self.refusal is not None


class Replies(NamedTuple):
    """What a judge said about a text so far: None where it was not asked, or did not refuse."""

    assessment: str | None = None
    grade: str | None = None
    refusal: str | None = None


class GradeStore:
    """The file. Several threads and processes may use it at once.

    It is made, or brought up to date, when something is first kept in it. What only reads writes
    nothing, and raises `BadInput` where the file is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._ready = path, False

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, timeout=OPEN_SECONDS, isolation_level=None)
        try:
            if not self._ready:
                write_ahead(db)
                bring_up_to_date(db)
                self._ready = True
            yield db
        except sqlite3.Error as error:
            raise OSError(f"{self.path} cannot be used for grades: {error}") from None
        finally:
            db.close()

    def _look(self, columns: str, where: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        """What is stored, of `columns`; nothing where there is no file."""

        def ask(db: sqlite3.Connection) -> list[tuple[Any, ...]] | None:
            version = version_of(db)
            if not db.execute("select 1 from sqlite_master where name = 'replies'").fetchone():
                return []
            if version == 0:
                return None
            refusal = "refusal" if version > 1 else "null as refusal"
            table = f"(select *, {refusal} from replies)" if version < 2 else "replies"
            return db.execute(
                f"select {columns} from {table} as replies {where}", storable(*values)
            ).fetchall()

        try:
            found = look(self.path, ask)
        except FileNotFoundError:
            return []
        if found is None:  # of before texts had places: there is no other way than to write
            with self._open():
                pass
            return self._look(columns, where, values)
        return found

    def claim(self, item: Item, judge: str, base_url: str, protocol: str) -> Row | None:
        """Take an item to be asked about; None where somebody alive is asking already.

        A finished one is not taken, and need not be released.
        """
        key, now = item_key(item, judge, base_url, protocol), time.time()
        with self._open() as db:
            db.execute("begin immediate")
            db.execute(
                "insert or ignore into replies (key, opening, completion, other, judge, base_url,"
                " protocol, repeat) values (?,?,?,?,?,?,?,?)",
                storable(
                    key,
                    item.opening,
                    item.completion,
                    item.other,
                    judge,
                    base_url,
                    protocol,
                    item.repeat,
                ),
            )
            db.execute(
                "insert or ignore into places values (?,?,?,?,?,?,?)",
                storable(
                    key,
                    item.address,
                    item.other_address,
                    item.kind,
                    item.opening_index,
                    item.completion_index,
                    _signed(item.seed),
                ),
            )
            holder, since = db.execute(
                "select claimed_by, claimed_at from replies where key = ?", (key,)
            ).fetchone()
            said = db.execute(f"select {_ANSWERS} from replies where key = ?", (key,)).fetchone()
            row = _row(said, item, judge)
            held = holder is not None and _is_working(holder) and now - since < CLAIM_SECONDS
            if not row.finished and not held:
                db.execute(
                    "update replies set claimed_by = ?, claimed_at = ? where key = ?",
                    (_me(), now, key),
                )
            db.execute("commit")
        return row if row.finished or not held else None

    def row(self, item: Item, judge: str, base_url: str, protocol: str) -> Row:
        """What is stored of an item, for who writes to the file: what was kept last is in it."""
        key = item_key(item, judge, base_url, protocol)
        with self._open() as db:
            said = db.execute(f"select {_ANSWERS} from replies where key = ?", (key,)).fetchone()
        return _row(said, item, judge)

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
        input_tokens: int = 0,
        output_tokens: int = 0,
        cost: float | None,
    ) -> None:
        """Store a turn's reply the moment it came, with the whole conversation it answers."""
        with self._open() as db:
            db.execute(
                f"update replies set {turn} = ?, asked = ?, input_tokens = input_tokens + ?,"
                " output_tokens = output_tokens + ?,"
                " cost = case when ? is null then cost else coalesce(cost, 0) + ? end,"
                " changed_at = ?, claimed_at = ? where key = ?",
                storable(
                    text,
                    json.dumps(list(asked)),
                    input_tokens,
                    output_tokens,
                    cost,
                    cost,
                    time.time(),
                    time.time(),
                    item_key(item, judge, base_url, protocol),
                ),
            )

    def refuse(self, item: Item, judge: str, base_url: str, protocol: str, *, refusal: str) -> None:
        """Store that the server will not read an item's text, in its words."""
        with self._open() as db:
            db.execute(
                "update replies set refusal = ?, changed_at = ? where key = ?",
                storable(refusal, time.time(), item_key(item, judge, base_url, protocol)),
            )

    def release(self, item: Item, judge: str, base_url: str, protocol: str) -> None:
        """Let an item go that was claimed and not finished."""
        with self._open() as db:
            db.execute(
                "update replies set claimed_by = null where key = ? and claimed_by = ?",
                (item_key(item, judge, base_url, protocol), _me()),
            )

    def set_aside(
        self, item: Item, judge: str, base_url: str, protocol: str, *, before: float
    ) -> bool:
        """Make room for another answer where the one there came before `before` (Unix time).

        The first turn is kept where it said anything, so that only the second is asked again. What
        is set aside stays in the file, and what it cost stays on the bill.
        """
        key = item_key(item, judge, base_url, protocol)
        with self._open() as db:
            db.execute("begin immediate")
            db.execute(
                "insert into set_aside select key, asked, assessment, grade, changed_at"
                " from replies where key = ? and changed_at < ?",
                (key, before),
            )
            done = db.execute(
                "update replies set grade = null, assessment = nullif(assessment, ''), refusal = null,"
                " changed_at = ? where key = ? and changed_at < ?",
                (time.time(), key, before),
            )
            db.execute("commit")
        return done.rowcount > 0

    def replies(self, judge: str, base_url: str) -> dict[str, Replies]:
        """Every key that this judge was asked about, with what it said."""
        found = self._look(
            "key, assessment, grade, refusal", "where judge = ? and base_url = ?", (judge, base_url)
        )
        return {key: Replies(*said) for key, *said in found}

    def rows(self, address: str | None = None) -> list[Row]:
        """Everything stored with at least one reply, of one checkpoint or of all.

        A text that several checkpoints wrote stands here once for each, and was paid once.
        """
        found = self._look(
            "address, opening, completion, opening_index, completion_index, repeat, seed, kind,"
            f" other, other_address, judge, {_ANSWERS}",
            "join places using (key)"
            " where coalesce(assessment, refusal) is not null and (? is null or ? = address"
            " or (? = other_address and other_address != ''))"
            " order by address, judge, opening_index, completion_index, repeat",
            (address, address, address),
        )
        for row in found:
            if not all(map(isinstance, row, _KINDS)):
                raise BadInput(f"{self.path} is damaged: it has a reply of {shown(row[:5])}")
        return [
            Row(
                item=Item(
                    address=r[0],
                    opening=r[1],
                    completion=r[2],
                    opening_index=r[3],
                    completion_index=r[4],
                    repeat=r[5],
                    seed=r[6] % 2**64,
                    kind=r[7],
                    other=r[8],
                    other_address=r[9],
                ),
                judge=r[10],
                assessment=r[11],
                grade=r[12],
                cost=r[13],
                input_tokens=r[14],
                output_tokens=r[15],
                refusal=r[16],
            )
            for r in found
        ]


def _signed(seed: int) -> int:
    """A seed in 64 bits with a sign, as sqlite keeps whole numbers; `% 2**64` reads it."""
    return seed - 2**64 if seed >= 2**63 else seed


def item_key(item: Item, judge: str, base_url: str, protocol: str) -> str:
    """The same for the same text, judge and protocol: what is paid once."""
    parts = [item.opening, item.completion, judge, base_url, protocol, str(item.repeat)]
    if item.other is not None:
        parts.append(item.other)
    return hashlib.blake2b(
        "\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16
    ).hexdigest()


def _row(said: tuple[Any, ...] | None, item: Item, judge: str) -> Row:
    assessment, grade, cost, input_tokens, output_tokens, refusal = said or (
        None,
        None,
        None,
        0,
        0,
        None,
    )
    return Row(
        item=item,
        judge=judge,
        assessment=assessment,
        grade=grade,
        cost=cost,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        refusal=refusal,
    )


def _me() -> str:
    return json.dumps([asdict(Process.of(os.getpid())), _THIS_TIME])


def _is_working(holder: str) -> bool:
    """Whether the process that claimed is this one, or another that may be alive."""
    try:
        data, life = json.loads(holder)
        process = typed(Process, data, "claimed_by")
    except (ValueError, TypeError):  # damaged, or of an earlier version
        return False
    if process == Process.of(os.getpid()):
        return bool(life == _THIS_TIME)
    return process.may_live()
