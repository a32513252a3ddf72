"""Keep every reply that was paid for, as it came, in one SQLite file, so that nothing is bought twice."""

import hashlib
import json
import os
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args

from slm.databases import look, storable
from slm.errors import BadInput, shown
from slm.llm.messages import Message, Reply, ReplyPart
from slm.processes import Process
from slm.reading import typed

OPEN_SECONDS = 30
"""How long to wait for a file that others are writing to."""
CLAIM_SECONDS = 600
"""A claim older than this is taken over even where its process seems to live."""
LAYOUT = 4
"""The version of the tables, which the file carries as its `user_version`."""

_THIS_TIME = uuid.uuid4().hex
"""Marks this life of the process: the next one may well get the same pid, as in a container."""

REPLIES = """
create table replies (
    key text primary key, model text not null, server text not null, version text not null,
    messages text, reply text, refusal text,
    input_tokens integer not null default 0, output_tokens integer not null default 0, cost real,
    claimed_by text, claimed_at real, changed_at real, finish text, part text
)
"""
"""`finish` is the server's reason for ending a reply, `part` where in its message the text stood."""
SET_ASIDE = """
create table set_aside (key text not null, messages text, reply text, refusal text, changed_at real)
"""
"""Replies that were asked for anew: what was paid for stays in the file."""

_FROM_SINGLE = """
select key, judge as model, base_url as server, version, asked as messages, reply, null as refusal,
    0 as input_tokens, 0 as output_tokens, cost, null as claimed_by, null as claimed_at,
    at as changed_at, null as finish, null as part
from {old}replies
"""
"""The replies of a file that holds single questions, from before claims were kept."""
FROM_3 = """
select key, model, server, version, messages, reply, refusal, input_tokens, output_tokens, cost,
    claimed_by, claimed_at, changed_at, null as finish, null as part
from {old}replies
"""
"""The replies of layout 3, which kept no reason for their end."""
SET_ASIDE_AS_IT_WAS = "select key, messages, reply, refusal, changed_at from {old}set_aside"

_KEPT = "key, reply, refusal, cost, input_tokens, output_tokens, finish, part"
_KINDS: tuple[Any, ...] = (
    *(str, str | None, str | None, float | int | None, int, int),
    *(str | None, str | None),
)
"""What each of these columns holds: SQLite takes anything in any of them."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call to a model on a server: what is sent, and the key that its reply is kept under.

    `version` is that of the protocol; with a `form` (see `messages.form`) the answer follows a schema.
    `suffices` says of a reply that was cut off at the limit of tokens whether it is enough; what is
    not, is bought again with a higher limit.
    """

    key: str
    model: str
    server: str
    version: str
    messages: Sequence[Message]
    form: Mapping[str, Any] | None = None
    suffices: Callable[[str], bool] = field(default=lambda text: False, compare=False)


@dataclass(frozen=True, kw_only=True)
class KeptReply:
    """A kept reply; where there is none, the server's reason for refusing the text.

    `cost` in US dollars, of all replies to this call that were bought; None where the price is
    unknown. `finish` and `part` as in `Reply`; replies of earlier versions have no `finish`.
    """

    reply: str | None
    refusal: str | None = None
    cost: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    finish: str | None = None
    part: ReplyPart = "content"

    @property
    def is_answered(self) -> bool:
        """Whether there is a reply or a refusal, and not a cost alone."""
        return self.reply is not None or self.refusal is not None

    @property
    def text(self) -> str:
        """The reply; where there is none, what the server said, which holds no answer."""
        return self.refusal or "" if self.reply is None else self.reply


def call(
    messages: Sequence[Message],
    form: Mapping[str, Any] | None,
    *,
    model: str,
    server: str,
    version: str,
) -> Call:
    """Make a call whose key is a hash of everything that is sent, and to whom."""
    parts = json.dumps([list(messages), model, server, version])
    key = hashlib.blake2b(parts.encode(), digest_size=16).hexdigest()
    return Call(key=key, model=model, server=server, version=version, messages=messages, form=form)


class ReplyStore:
    """A file of replies. Several threads and processes may use it at once.

    It is made, or brought up to date, when something is first kept in it. What only reads writes
    nothing (tables of an earlier version are read as they are), and raises `BadInput` where the file
    is damaged. What writes raises `OSError` where it cannot.
    """

    tables: Mapping[str, str] = {"replies": REPLIES, "set_aside": SET_ASIDE}
    """The `create table` statements of the file, by table."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def find(self, key: str) -> KeptReply | None:
        """Read what is kept of a call; None where nothing is."""
        return self._kept("where key = ?", (key,)).get(key)

    def find_all(self, model: str, server: str) -> dict[str, KeptReply]:
        """Read everything that a model on a server replied, by key."""
        return self._kept("where model = ? and server = ?", (model, server))

    def claim(self, call: Call) -> bool:
        """Take a call, to buy its reply; False where it is answered, or somebody alive has taken it."""
        now = time.time()
        with self._open() as db:
            db.execute("begin immediate")
            db.execute(
                "insert or ignore into replies (key, model, server, version) values (?,?,?,?)",
                storable(call.key, call.model, call.server, call.version),
            )
            answered, holder, since = db.execute(
                "select coalesce(reply, refusal) is not null, claimed_by, claimed_at from replies"
                " where key = ?",
                (call.key,),
            ).fetchone()
            held = holder is not None and _is_working(holder) and now - since < CLAIM_SECONDS
            if free := not answered and not held:
                db.execute(
                    "update replies set claimed_by = ?, claimed_at = ? where key = ?",
                    (_me(), now, call.key),
                )
            db.execute("commit")
        return free

    def release(self, call: Call) -> None:
        """Let a call go that this process has taken and that was not answered."""
        with self._open() as db:
            db.execute(
                "update replies set claimed_by = null where key = ? and claimed_by = ?",
                (call.key, _me()),
            )

    def keep(self, call: Call, reply: Reply, cost: float | None, *, last: bool = True) -> KeptReply:
        """Write a reply with the conversation it answers; with the `last` one let the call go.

        One that is written over stays in the file, and what it cost stays on the bill.
        """
        with self._open() as db:
            db.execute("begin immediate")
            db.execute(
                "insert into set_aside select key, messages, reply, refusal, changed_at"
                " from replies where key = ? and reply is not null",
                (call.key,),
            )
            (row,) = db.execute(
                "insert into replies (key, model, server, version, messages, reply, input_tokens,"
                " output_tokens, cost, changed_at, finish, part)"
                " values (?,?,?,?,?,?,?,?,?,?,?,?)"
                " on conflict (key) do update set messages = excluded.messages,"
                " reply = excluded.reply, refusal = null,"
                f" claimed_by = {'null' if last else 'claimed_by'},"
                " finish = excluded.finish, part = excluded.part,"
                " input_tokens = input_tokens + excluded.input_tokens,"
                " output_tokens = output_tokens + excluded.output_tokens,"
                " cost = case when excluded.cost is null then cost"
                " else coalesce(cost, 0) + excluded.cost end, changed_at = excluded.changed_at"
                f" returning {_KEPT}",
                storable(
                    call.key,
                    call.model,
                    call.server,
                    call.version,
                    json.dumps(list(call.messages)),
                    reply.text,
                    reply.input_tokens,
                    reply.output_tokens,
                    cost,
                    time.time(),
                    reply.finish,
                    reply.part,
                ),
            ).fetchall()
            db.execute("commit")
        return _kept_reply(row)

    def refuse(self, call: Call, refusal: str) -> None:
        """Write that the server will not read this text, in its words, and let the call go."""
        with self._open() as db:
            db.execute(
                "insert into replies (key, model, server, version, messages, refusal, changed_at)"
                " values (?,?,?,?,?,?,?) on conflict (key) do update set claimed_by = null,"
                " messages = excluded.messages, refusal = excluded.refusal,"
                " changed_at = excluded.changed_at",
                storable(
                    call.key,
                    call.model,
                    call.server,
                    call.version,
                    json.dumps(list(call.messages)),
                    refusal,
                    time.time(),
                ),
            )

    def set_aside(self, call: Call, *, before: float) -> bool:
        """Make room for another reply where the one there came before `before` (Unix time).

        What is set aside stays in the file, and what it cost stays on the bill.
        """
        with self._open() as db:
            db.execute("begin immediate")
            there = "key = ? and coalesce(reply, refusal) is not null and changed_at < ?"
            db.execute(
                "insert into set_aside select key, messages, reply, refusal, changed_at"
                f" from replies where {there}",
                (call.key, before),
            )
            done = db.execute(
                f"update replies set reply = null, refusal = null, changed_at = ? where {there}",
                (time.time(), call.key, before),
            )
            db.execute("commit")
        return done.rowcount > 0

    def _kept(self, where: str, values: Sequence[object]) -> dict[str, KeptReply]:
        found = self._look(
            f"select {_KEPT} from replies {where} and coalesce(reply, refusal) is not null", values
        )
        for row in found:
            if not all(map(isinstance, row, _KINDS)):
                raise BadInput(f"{self.path} is damaged: it has a reply of {shown(row)}")
        return {row[0]: _kept_reply(row) for row in found}

    def _look(self, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        """Run a query that writes nothing; no rows where there is no file."""

        def ask(db: sqlite3.Connection) -> list[tuple[Any, ...]]:
            if not _columns(db):
                return []
            earlier = self.earlier(db).items() if _layout(db) < LAYOUT else ()
            views = ", ".join(f"{name} as ({rows.format(old='main.')})" for name, rows in earlier)
            return db.execute(f"with {views} {query}" if views else query, values).fetchall()

        values = storable(*values)
        try:
            return look(self.path, ask)
        except FileNotFoundError:
            return []

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, timeout=OPEN_SECONDS, isolation_level=None)
        try:
            if _layout(db) < LAYOUT:
                _write_ahead(db)
                self._bring_up_to_date(db)
            yield db
        except sqlite3.Error as error:
            raise OSError(f"{self.path} cannot be used for replies: {error}") from None
        finally:
            db.close()

    def _bring_up_to_date(self, db: sqlite3.Connection) -> None:
        """Make the tables, and fill them from those of an earlier version."""
        db.execute("begin immediate")  # whoever comes second finds the work done
        if _layout(db) < LAYOUT:
            earlier = self.earlier(db) if _columns(db) else {}
            old = [
                name for (name,) in db.execute("select name from sqlite_master where type='table'")
            ]
            for name in old:
                db.execute(f"alter table {name} rename to old_{name}")
            for create in self.tables.values():
                db.execute(create)
            for name, rows in earlier.items():
                db.execute(f"insert into {name} {rows.format(old='main.old_')}")
            for name in old:
                db.execute(f"drop table old_{name}")
            db.execute(f"pragma user_version = {LAYOUT}")
        db.execute("commit")

    def earlier(self, db: sqlite3.Connection) -> Mapping[str, str]:
        """Return queries that convert an earlier version's tables to today's, by table.

        `{old}` stands before the name of each earlier table.
        """
        if _layout(db) == LAYOUT - 1:
            return {"replies": FROM_3, "set_aside": SET_ASIDE_AS_IT_WAS}
        return {"replies": _FROM_SINGLE}


def _kept_reply(row: Sequence[Any]) -> KeptReply:
    _, reply, refusal, cost, input_tokens, output_tokens, finish, part = row
    return KeptReply(
        reply=reply,
        refusal=refusal,
        cost=None if cost is None else float(cost),
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        finish=finish,
        part=part if part in get_args(ReplyPart) else "content",
    )


def _layout(db: sqlite3.Connection) -> int:
    """Return the version of a file's tables; 0 for the earliest, and where there are none."""
    return int(db.execute("pragma user_version").fetchone()[0])


def _columns(db: sqlite3.Connection) -> list[str]:
    """Return the column names of the replies table; empty where there is no such table."""
    return [str(row[1]) for row in db.execute("pragma table_info(replies)")]


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
    return json.dumps([asdict(Process.of(os.getpid())), _THIS_TIME])


def _is_working(holder: str) -> bool:
    """Return whether the claiming process is this one, or another that may be alive."""
    try:
        data, life = json.loads(holder)
        process = typed(Process, data, "claimed_by")
    except (ValueError, TypeError):  # damaged, or of an earlier version
        return False
    if process == Process.of(os.getpid()):
        return bool(life == _THIS_TIME)
    return process.may_live()
