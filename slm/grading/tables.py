"""The tables of the file that holds grades, and how those of an earlier version become them."""

import sqlite3
import time

OPEN_SECONDS = 30
"""How long to wait for a file that others are writing to."""

VERSION = 2
_SCHEMA = """
create table if not exists replies (
    key text primary key, opening text not null, completion text not null, other text,
    judge text not null, base_url text not null, protocol text not null, repeat integer not null,
    asked text, assessment text, grade text,
    input_tokens integer not null default 0, output_tokens integer not null default 0,
    cost real, claimed_by text, claimed_at real, changed_at real, refusal text
);
create table if not exists places (
    key text not null, address text not null, other_address text not null, kind text not null,
    opening_index integer not null, completion_index integer not null, seed integer not null,
    primary key (key, address, other_address, kind, opening_index, completion_index, seed)
) without rowid;
create table if not exists set_aside (
    key text not null, asked text, assessment text, grade text, changed_at real
);
"""
"""A reply is kept once; `places` are where its text came from, `set_aside` what could not be read."""

_FROM_0 = """
alter table replies rename to old;
{schema}
insert into replies select key, opening, completion, null, judge, base_url, protocol, repeat, asked,
    assessment, grade, input_tokens, output_tokens, cost, claimed_by, claimed_at, changed_at, null
    from old;
insert into places select key, address, '', 'story', opening_index, completion_index, seed from old;
drop table old;
"""
_FROM_1 = "alter table replies add column refusal text"


def write_ahead(db: sqlite3.Connection) -> None:
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


def bring_up_to_date(db: sqlite3.Connection) -> None:
    """Make the tables, or remake those of a file from before texts had places."""
    if version_of(db) == VERSION:
        return
    db.execute("begin immediate")  # whoever comes second finds the work done
    version = version_of(db)
    if version < VERSION:
        old = db.execute("select 1 from sqlite_master where name = 'replies'").fetchone()
        from_earlier = _FROM_1 if version else _FROM_0.format(schema=_SCHEMA)
        script = from_earlier if old else _SCHEMA
        for statement in script.split(";"):  # `executescript` would commit first
            db.execute(statement)
        db.execute(f"pragma user_version = {VERSION}")
    db.execute("commit")


def version_of(db: sqlite3.Connection) -> int:
    """Which version's tables the file has; 0 of the earliest, and where there are none."""
    return int(db.execute("pragma user_version").fetchone()[0])
