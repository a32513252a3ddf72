"""Looking into an SQLite file writes nothing, and sees what was last written, wherever it lies."""

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from slm.databases import damage, look
from slm.errors import BadInput
from slm.grading.history import judges
from slm.grading.items import Item
from slm.grading.store import GradeStore
from slm.runs import Checkpoint, Run
from tests.grading.keeping import keep

WRITES = """
import sqlite3, sys, time
for number in range(10**6):
    db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
    db.execute("begin immediate")
    for half in range(2):
        db.execute("insert into t values (?, ?)", (number, "x" * 3000))
    db.execute("commit")
    db.close()  # which moves the log into the file
    if number == 3:
        print("writing", flush=True)
"""


@pytest.fixture
def graded(checkpoint: Checkpoint, runs: Path) -> Path:
    """A run's folder with one grade, written long ago."""
    run = Run(runs / "tiny")
    item = Item(
        address="tiny@0", opening="Once", completion=" a fox", opening_index=0, completion_index=0
    )
    keep(GradeStore(run.grades_path), item, grade="{}", cost=0.0)
    os.utime(run.grades_path, (0, 0))
    return run.path


def listed(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file with its size and when it changed."""
    return {path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.iterdir()}


def test_looking_at_grades_changes_nothing_in_the_folder(graded: Path) -> None:
    before = listed(graded)
    store = GradeStore(graded / "grades.sqlite")
    assert (len(store.conversations()), len(store.find_all("judge", "server"))) == (1, 2)
    assert judges() == ["judge"] and Run(graded).damage() == []
    assert listed(graded) == before


def test_looking_at_grades_that_are_not_there_makes_no_file(
    checkpoint: Checkpoint, runs: Path
) -> None:
    store = GradeStore(runs / "nowhere" / "grades.sqlite")
    assert store.conversations() == [] and store.find_all("judge", "server") == {}
    assert not (runs / "nowhere").exists()


def test_what_still_lies_in_the_log_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("pragma journal_mode=wal")
    db.execute("create table t (x)")
    for number in range(3):
        db.execute("insert into t values (1)")
        assert look(path, lambda db: db.execute("select count(*) from t").fetchone()) == (
            number + 1,
        )
    db.close()


def test_who_looks_while_another_writes_sees_whole_transactions(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("pragma journal_mode=wal")
    db.execute("create table t (n, x)")
    db.close()
    writer = subprocess.Popen([sys.executable, "-c", WRITES, str(path)], stdout=subprocess.PIPE)
    try:
        assert writer.stdout is not None and writer.stdout.readline()
        seen = [
            look(path, lambda db: db.execute("select count(*), max(n) from t").fetchone())
            for _ in range(100)
        ]
    finally:
        writer.kill()
        writer.wait()
    assert all(count == 2 * (newest + 1) for count, newest in seen)
    assert seen == sorted(seen) and seen[0] < seen[-1]


@pytest.fixture
def read_only(graded: Path) -> Iterator[Path]:
    """The same folder, which nobody can write to."""
    for command in (["--bind", str(graded), str(graded)], ["-o", "remount,ro,bind", str(graded)]):
        if subprocess.run(["mount", *command], capture_output=True, check=False).returncode:
            pytest.skip("mounting a folder read-only is not permitted here")
    yield graded
    subprocess.run(["umount", "--lazy", str(graded)], check=True)


def test_grades_in_a_folder_that_cannot_be_written_are_read(read_only: Path) -> None:
    assert [
        row.judge for row in GradeStore(read_only / "grades.sqlite").conversations("tiny@0")
    ] == ["judge"]
    assert judges() == ["judge"]


def test_a_file_that_is_no_database_is_one_line_with_a_way_out(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    path.write_text("not a database " * 100)
    with pytest.raises(BadInput, match=r"file is not a database; restore it or move it away"):
        look(path, lambda db: db.execute("select 1 from t").fetchone())
    assert damage(path).endswith("restore it or move it away")


def test_a_log_that_goes_while_it_is_looked_for_is_no_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "grades.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute("pragma journal_mode=wal")
        db.execute("create table replies (text)")
        db.execute("insert into replies values ('kept')")
        db.commit()
    log = path.with_name(path.name + "-wal")
    ended = threading.Event()

    def come_and_go() -> None:
        while not ended.is_set():
            log.touch()
            log.unlink()

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        for _ in range(300):
            assert look(path, lambda db: db.execute("select text from replies").fetchall()) == [
                ("kept",)
            ]
    finally:
        ended.set()
        thread.join()
