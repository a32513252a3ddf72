"""Replies that were paid for: claimed before they are bought, kept as they came, read in every layout."""

import multiprocessing
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from slm.errors import BadInput
from slm.llm.messages import Reply
from slm.llm.replies import CLAIM_SECONDS, Call, ReplyStore, call


def about(text: str, model: str = "gpt-4o", server: str = "http://127.0.0.1/v1/") -> Call:
    messages = [{"role": "user", "content": text}]
    return call(messages, None, model=model, server=server, version="1")


def says(text: str, tokens: int = 3) -> Reply:
    return Reply(text=text, input_tokens=tokens, output_tokens=1)


DOG = about("a dog")


@pytest.fixture
def store(tmp_path: Path) -> ReplyStore:
    return ReplyStore(tmp_path / "replies.sqlite")


def test_a_claim_is_held_against_everybody_until_it_is_released(store: ReplyStore) -> None:
    assert store.claim(DOG)
    assert not store.claim(DOG)
    assert store.claim(about("a cat"))
    store.release(DOG)
    assert store.claim(DOG)


def test_what_is_answered_or_refused_is_never_claimed_again(store: ReplyStore) -> None:
    store.claim(DOG)
    store.keep(DOG, says("Fine."), 0.5)
    assert not store.claim(DOG)
    store.refuse(about("a cat"), "flagged")
    assert not store.claim(about("a cat"))


def test_a_claim_of_a_killed_process_is_taken_over_even_where_we_got_its_pid(
    store: ReplyStore,
) -> None:
    store.claim(DOG)
    with closing(sqlite3.connect(store.path)) as db, db:
        db.execute("update replies set claimed_by = replace(claimed_by, '\"]', ' earlier\"]')")
    assert store.claim(DOG)


def test_a_claim_is_taken_over_after_its_time(store: ReplyStore) -> None:
    store.claim(DOG)
    for age, free in ((CLAIM_SECONDS - 60, False), (CLAIM_SECONDS + 1, True)):
        with closing(sqlite3.connect(store.path)) as db, db:
            db.execute("update replies set claimed_at = ?", (time.time() - age,))
        assert store.claim(DOG) is free


def test_a_release_ends_nobody_elses_claim(store: ReplyStore) -> None:
    store.claim(DOG)
    with closing(sqlite3.connect(store.path)) as db, db:
        db.execute("update replies set claimed_by = 'somebody'")
    store.release(DOG)
    with closing(sqlite3.connect(store.path)) as db:
        assert db.execute("select claimed_by from replies").fetchone() == ("somebody",)


def claim(path: Path) -> None:
    assert ReplyStore(path).claim(about(f"process {multiprocessing.current_process().pid}"))


def test_many_processes_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    path = tmp_path / "new" / "replies.sqlite"
    processes = [spawn.Process(target=claim, args=(path,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4


def test_what_was_kept_is_read_at_once_however_many_write_beside_it(store: ReplyStore) -> None:
    lost: list[str] = []

    def work(number: int) -> None:
        for turn in range(25):
            asked = about(f"{number} {turn}")
            store.claim(asked)
            kept = store.keep(asked, says(f"{number}: {turn}"), None)
            if kept.text != f"{number}: {turn}" or store.find(asked.key) != kept:
                lost.append(kept.text)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lost == []


def test_a_reply_is_found_under_what_was_asked_of_whom_and_nothing_else(store: ReplyStore) -> None:
    assert store.find(DOG.key) is None and not store.path.exists()
    kept = store.keep(DOG, says("Fine."), 0.5)
    assert (kept.reply, kept.refusal, kept.cost, kept.input_tokens) == ("Fine.", None, 0.5, 3)
    assert store.find(DOG.key) == kept
    others = (about("a cat"), about("a dog", "gpt-4"), about("a dog", server="http://elsewhere/"))
    assert all(store.find(other.key) is None for other in others)
    assert store.find_all("gpt-4o", DOG.server) == {DOG.key: kept}
    assert (
        store.find_all("gpt-4", DOG.server) == store.find_all("gpt-4o", "http://elsewhere/") == {}
    )


def test_a_call_that_is_only_claimed_has_no_reply(store: ReplyStore) -> None:
    store.claim(DOG)
    assert store.find(DOG.key) is None and store.find_all(DOG.model, DOG.server) == {}


def test_a_refusal_is_kept_and_reads_as_what_the_server_said(store: ReplyStore) -> None:
    store.refuse(DOG, "flagged (400)")
    found = store.find(DOG.key)
    assert found is not None
    assert (found.reply, found.refusal, found.text, found.cost) == (None,) + (
        "flagged (400)",
    ) * 2 + (None,)


def test_what_is_asked_anew_stays_in_the_file_and_on_the_bill(store: ReplyStore) -> None:
    store.keep(DOG, says("prose", 3), 0.5)
    began = time.time() + 1
    assert store.set_aside(DOG, before=began)
    assert store.find(DOG.key) is None and store.claim(DOG)
    assert not store.set_aside(DOG, before=began + 9)  # there is nothing
    kept = store.keep(DOG, says("{}", 4), 0.25)
    assert (kept.text, kept.cost, kept.input_tokens) == ("{}", 0.75, 7)
    with closing(sqlite3.connect(store.path)) as db:
        assert db.execute("select key, reply from set_aside").fetchall() == [(DOG.key, "prose")]


def test_a_reply_that_came_after_the_request_is_not_set_aside(store: ReplyStore) -> None:
    began = time.time()
    store.keep(DOG, says("prose"), 0.5)
    assert not store.set_aside(DOG, before=began)
    assert store.find(DOG.key) is not None


def test_a_reply_is_kept_with_its_end_and_its_place_and_one_that_was_too_short_stays(
    store: ReplyStore,
) -> None:
    assert store.claim(DOG)
    short = Reply(text="<think>", input_tokens=1, output_tokens=9, finish="length")
    store.keep(DOG, short, 0.5, last=False)
    with closing(sqlite3.connect(store.path)) as db:
        (claimed_by,) = db.execute("select claimed_by from replies").fetchone()
    assert claimed_by is not None, "it is still ours: another reply to it is to come"
    whole = Reply(text="Fine.", input_tokens=1, output_tokens=9, finish="stop", part="tool call")
    kept = store.keep(DOG, whole, 0.5)
    assert (kept.reply, kept.finish, kept.part) == ("Fine.", "stop", "tool call")
    assert (kept.cost, kept.output_tokens) == (1.0, 18)
    assert store.find(DOG.key) == kept
    with closing(sqlite3.connect(store.path)) as db:
        assert db.execute("select reply from set_aside").fetchall() == [("<think>",)]


def test_a_reply_at_an_unknown_price_adds_nothing_to_a_known_bill(store: ReplyStore) -> None:
    assert store.keep(DOG, says("a"), None).cost is None
    assert store.keep(DOG, says("b"), 0.5).cost == 0.5
    assert store.keep(DOG, says("c"), None).cost == 0.5


SINGLE = """
create table replies (
    key text primary key, asked text not null, judge text not null, base_url text not null,
    version text not null, reply text not null, cost real, at real not null
);
"""


@pytest.fixture
def earlier(store: ReplyStore) -> ReplyStore:
    """A file from before claims were kept, written by its own statements."""
    with closing(sqlite3.connect(store.path)) as db, db:
        db.executescript(SINGLE)
        db.execute(
            "insert into replies values (?,?,?,?,?,?,?,?)",
            (DOG.key, "[]", DOG.model, DOG.server, DOG.version, "Fine.", 0.5, 1.0),
        )
    return store


def test_a_file_from_before_claims_were_kept_is_read_as_it_is(earlier: ReplyStore) -> None:
    before = earlier.path.read_bytes()
    found = earlier.find(DOG.key)
    assert found is not None and (found.text, found.cost) == ("Fine.", 0.5)
    assert earlier.find_all(DOG.model, DOG.server) == {DOG.key: found}
    assert earlier.path.read_bytes() == before


def test_a_file_from_before_claims_were_kept_is_converted_once_and_loses_nothing(
    earlier: ReplyStore,
) -> None:
    found = earlier.find(DOG.key)
    for _ in range(2):
        assert not ReplyStore(earlier.path).claim(DOG)
        assert earlier.find(DOG.key) == found
    assert earlier.claim(about("a cat"))
    with closing(sqlite3.connect(earlier.path)) as db:
        assert db.execute("pragma user_version").fetchone() == (4,)
        assert db.execute("select count(*) from replies").fetchone() == (2,)
        assert db.execute("select messages, changed_at from replies").fetchone() == ("[]", 1.0)


def test_a_file_that_is_no_database_is_said_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    path.write_text("not a database " * 100)
    with pytest.raises(BadInput, match="cannot be read: file is not a database; restore it"):
        ReplyStore(path).find(DOG.key)
    with pytest.raises(OSError, match="cannot be used for replies"):
        ReplyStore(path).claim(DOG)


def test_a_reply_that_is_no_text_is_damage(store: ReplyStore) -> None:
    store.keep(DOG, says("Fine."), 0.5)
    with closing(sqlite3.connect(store.path)) as db, db:
        db.execute("update replies set reply = x'00ff'")
    with pytest.raises(BadInput, match="is damaged: it has a reply of"):
        store.find(DOG.key)
