"""Files of grades: every layout that was ever written is read, and nothing in it is paid for again."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from slm.grading.grading import grade, stored, unanswered
from slm.grading.items import Item, item_key
from slm.grading.protocol import Grade, Ungraded, assessment_messages, grade_messages
from slm.grading.store import GradeStore, judges_path, store_for
from slm.llm.judge import Judge, server_of
from tests.grading.keeping import keep
from tests.llm.server import JudgeServer

OLDEST = """
create table replies (
    key text primary key,
    address text not null, opening text not null, completion text not null,
    opening_index integer not null, completion_index integer not null,
    judge text not null, base_url text not null, protocol text not null, repeat integer not null,
    seed integer not null, asked text, assessment text, grade text,
    input_tokens integer not null default 0, output_tokens integer not null default 0,
    cost real, claimed_by text, claimed_at real, changed_at real
);
"""
LATER = """
create table replies (
    key text primary key, opening text not null, completion text not null, other text,
    judge text not null, base_url text not null, protocol text not null, repeat integer not null,
    asked text, assessment text, grade text,
    input_tokens integer not null default 0, output_tokens integer not null default 0,
    cost real, claimed_by text, claimed_at real, changed_at real{refusal}
);
create table places (
    key text not null, address text not null, other_address text not null, kind text not null,
    opening_index integer not null, completion_index integer not null, seed integer not null,
    primary key (key, address, other_address, kind, opening_index, completion_index, seed)
) without rowid;
create table set_aside (
    key text not null, asked text, assessment text, grade text, changed_at real
);
"""
LAYOUT_3 = """
create table replies (
    key text primary key, model text not null, server text not null, version text not null,
    messages text, reply text, refusal text,
    input_tokens integer not null default 0, output_tokens integer not null default 0, cost real,
    claimed_by text, claimed_at real, changed_at real
);
create table set_aside (key text not null, messages text, reply text, refusal text, changed_at real);
create table items (
    key text not null, address text not null, other_address text not null, kind text not null,
    opening_index integer not null, completion_index integer not null, seed integer not null,
    opening text not null, completion text not null, other text, repeat integer not null,
    primary key (key, address, other_address, kind, opening_index, completion_index, seed)
);
insert into set_aside values ('k', '[]', 'Fine.', null, 1.0), ('k/grade', '[]', 'Seven.', null, 1.0);
pragma user_version = 3;
"""
GOOD = '{"grammar": 7, "creativity": 5, "consistency": 6, "plot": 4, "age_group": "C"}'
SAID: dict[int, tuple[str | None, str | None, str | None]] = {
    0: ("Fine.", GOOD, None),
    1: ("Fine.", "A solid seven.", None),
    2: ("", None, None),
    3: ("Half.", None, None),
    4: (None, None, None),
    5: (None, None, "flagged (400)"),
    6: ("Fine.", None, "flagged (400)"),
}
"""By the number of a story: its assessment, its grade, and why it was refused."""


def story(number: int) -> Item:
    return Item(
        address="tiny@0",
        opening=f"Opening number {number} of",
        completion=" a story.",
        opening_index=number,
        completion_index=0,
        seed=2**64 - 1,
    )


def write(path: Path, layout: int, server: str) -> None:
    """A file of `layout`, as the code of its time wrote it; layouts 0 and 1 knew no refusals."""
    if layout == 3:
        write_3(path, server)
        return
    with closing(sqlite3.connect(path)) as db, db:
        script = OLDEST if layout == 0 else LATER.format(refusal=", refusal text" * (layout == 2))
        db.executescript(script)
        for number, (assessment, graded, refusal) in SAID.items():
            item = story(number)
            if refusal is not None and layout < 2:
                continue
            key = item_key(item, "gpt-4o", server, "1")
            texts = (item.opening, item.completion)
            first = assessment_messages(*texts)
            asked = grade_messages(first, "Fine.") if graded is not None else first
            said = (json.dumps(asked), assessment, graded, 200, 100, 0.25)
            who = ("gpt-4o", server, "1", 0)
            if layout == 0:
                db.execute(
                    "insert into replies values (?,?,?,?,?,0,?,?,?,?,-1,?,?,?,?,?,?,null,null,1.0)",
                    (key, item.address, *texts, number, *who, *said),
                )
                continue
            db.execute(
                f"insert into replies values (?,?,?,null,?,?,?,?,?,?,?,?,?,?,'old',1.0,1.0"
                f"{', ?' * (layout == 2)})",
                (key, *texts, *who, *said, *((refusal,) if layout == 2 else ())),
            )
            for address in ("tiny@0", "tiny@9"):
                db.execute(
                    "insert into places values (?,?,'','story',?,0,-1)", (key, address, number)
                )
        if layout:
            db.execute("insert into set_aside values ('k', '[]', 'Fine.', 'Seven.', 1.0)")
        db.execute(f"pragma user_version = {layout}")


def write_3(path: Path, server: str) -> None:
    """A file of layout 3, in which each turn is a row of its own."""
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(LAYOUT_3)
        for number, (assessment, graded, refusal) in SAID.items():
            item = story(number)
            key = item_key(item, "gpt-4o", server, "1")
            first = assessment_messages(item.opening, item.completion)
            turns = [
                (key, first, assessment, refusal if assessment is None else None, 200, 100, 0.25)
            ]
            if graded is not None or (assessment and refusal):
                second = grade_messages(first, "Fine.")
                turns.append((key + "/grade", second, graded, refusal, 0, 0, None))
            for at, messages, reply, refused, *counts in turns:
                db.execute(
                    "insert into replies values (?,?,?,'1',?,?,?,?,?,?,null,null,1.0)",
                    (at, "gpt-4o", server, json.dumps(messages), reply, refused, *counts),
                )
            for address in ("tiny@0", "tiny@9"):
                db.execute(
                    "insert into items values (?,?,'','story',?,0,-1,?,?,null,0)",
                    (key, address, number, item.opening, item.completion),
                )


@pytest.mark.parametrize("layout", [0, 1, 2, 3])
def test_a_file_of_an_earlier_layout_is_read_as_it_is(tmp_path: Path, layout: int) -> None:
    path = tmp_path / "grades.sqlite"
    write(path, layout, "u")
    before = path.read_bytes()
    said = {one.item.opening_index: one for one in GradeStore(path).conversations("tiny@0")}
    expected = {n: s for n, s in SAID.items() if n != 4 and (layout >= 2 or s[2] is None)}
    assert {n: (s.assessment, s.grade, s.refusal) for n, s in said.items()} == expected
    assert {one.item for one in said.values()} == {story(number) for number in expected}
    assert {(o.judge, o.cost, o.input_tokens, o.output_tokens) for o in said.values()} == {
        ("gpt-4o", 0.25, 200, 100)
    }
    assert {n: s.finished for n, s in said.items()} == {n: n != 3 for n in expected}
    twice = 2 if layout else 1
    assert len(GradeStore(path).conversations()) == twice * len(expected)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("layout", [0, 1, 2, 3])
def test_a_file_of_an_earlier_layout_is_converted_once_and_goes_on(
    server: JudgeServer, tmp_path: Path, layout: int
) -> None:
    path, store = tmp_path / "grades.sqlite", GradeStore(tmp_path / "grades.sqlite")
    write(path, layout, server_of(server.url))
    before = store.conversations()
    known = [n for n, s in SAID.items() if n not in (1, 3, 4) and (layout >= 2 or s[2] is None)]
    judge = Judge(model="gpt-4o", base_url=server.url, key="sk-test")
    found = list(grade([story(number) for number in known], judge, store, concurrency=1))
    assert server.paid == 0
    assert [isinstance(one.outcome, Grade) for one in found] == [number == 0 for number in known]
    assert store.conversations() == before
    keep(store, replace(story(0), completion=" new."))  # which writes, and so converts
    assert [one for one in store.conversations() if one.judge == "gpt-4o"] == before
    list(grade([story(3), story(4)], judge, store, concurrency=1))
    assert server.paid == 1 + 2, "the assessment of 3 was paid for before"
    (unread,) = grade([story(1)], judge, store, concurrency=1)
    assert server.paid == 3 + 1 and isinstance(unread.outcome, Grade) and unread.asked_again
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("pragma user_version").fetchone() == (4,)
        tables = {
            name for (name,) in db.execute("select name from sqlite_master where type='table'")
        }
        assert tables == {"replies", "items", "set_aside"}
        kept = "select key, reply from set_aside order by key"
        aside = db.execute(kept).fetchall()
        assert aside == ([("k", "Fine."), ("k/grade", "Seven.")] if layout else [])
        asked = "select messages from replies where key like '%/grade' and reply = ?"
        (messages,) = db.execute(asked, (GOOD,)).fetchone()
        assert [one["role"] for one in json.loads(messages)] == ["user", "assistant", "user"]


def test_a_conversation_costs_what_both_turns_cost(tmp_path: Path) -> None:
    store = GradeStore(tmp_path / "grades.sqlite")
    keep(store, story(0), grade=GOOD, cost=0.5)
    keep(store, story(1), cost=0.5)
    keep(store, story(2), grade=GOOD)
    assert [one.cost for one in store.conversations()] == [1.0, 0.5, None]


def test_a_story_refused_in_the_first_turn_has_no_grade_and_its_reason(tmp_path: Path) -> None:
    store = GradeStore(tmp_path / "grades.sqlite")
    keep(store, story(0), assessment=None, refusal="flagged")
    (found,) = stored(store, "tiny@0")
    assert found.outcome == Ungraded(reason="flagged", reply="") and found.refusal == "flagged"


def test_a_pair_is_found_from_both_of_its_checkpoints(tmp_path: Path) -> None:
    store = GradeStore(tmp_path / "grades.sqlite")
    pair = replace(story(0), kind="pair", other=" an end.", other_address="other@3")
    keep(store, pair, grade='{"better": "first"}')
    for address in ("tiny@0", "other@3"):
        assert [one.item for one in store.conversations(address)] == [pair]
    assert store.conversations("else@0") == store.conversations("") == []


def test_stories_that_no_model_wrote_are_kept_for_all_runs(runs: Path) -> None:
    assert store_for(replace(story(0), address="")).path == judges_path() == runs / "judges.sqlite"


def test_looking_for_what_is_unanswered_makes_no_file(runs: Path) -> None:
    items = [replace(story(number), address="") for number in range(2)]
    assert unanswered([*items, items[0]], "gpt-4o") == items
    assert not judges_path().exists()
