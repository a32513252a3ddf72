"""What a browser gave is kept while something reads it, and no longer."""

import os
import time
from pathlib import Path

from app import uploads
from slm.training import queue
from slm.training.options import parse


def grow_old(path: Path) -> None:
    """As if it had come two days ago."""
    os.utime(path, (then := time.time() - 2 * uploads.KEPT, then))


def test_an_upload_keeps_its_content_and_cannot_leave_its_folder(runs: Path) -> None:
    path = uploads.keep_corpus("../../a+b evil.TXT", b"A story.")
    assert path.read_bytes() == b"A story."
    assert path.is_relative_to(runs / ".uploads") and path.name == "a_b_evil.txt"
    assert uploads.keep_corpus("a.txt", b"one") != uploads.keep_corpus("a.txt", b"two")


def test_an_old_upload_goes_unless_a_run_or_a_waiting_training_names_it(
    two_runs: Path,
) -> None:
    forgotten, read, waits, new = (
        uploads.keep_corpus("a.txt", content) for content in (b"1", b"2", b"3", b"4")
    )
    info = two_runs / "tiny" / "run.json"
    info.write_text(info.read_text().replace('"nursery"', f'"{read}"'))
    queue.add(parse("later", ["--corpus", str(waits), "--tokens", "1"]))
    model = uploads.folder_for_model()
    for path in (forgotten, read, waits):
        grow_old(path.parent)
    uploads.sweep()
    assert not forgotten.parent.exists()
    assert read.exists() and waits.exists() and new.exists() and Path(model.name).exists()
    grow_old(Path(model.name))
    uploads.sweep()
    assert not Path(model.name).exists()


def test_where_nothing_was_uploaded_nothing_is_made(runs: Path) -> None:
    uploads.sweep()
    assert not runs.exists()
