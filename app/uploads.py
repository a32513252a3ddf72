"""Files uploaded by a browser, kept while something reads them."""

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from pathlib import Path

from slm.files import replacing
from slm.runs import runs_dir
from slm.training import queue

KEPT = 24 * 3600
"""Seconds for which an upload is kept that no run and no waiting training names."""
FOLDER = ".uploads"


def keep_corpus(name: str, content: bytes) -> Path:
    """Write an uploaded corpus where trainings can read it, now and when they go on."""
    stem, suffix = os.path.splitext(name.replace("\\", "/").rsplit("/", 1)[-1])
    called = re.sub(r"[^A-Za-z0-9_-]", "_", stem)[:40] + re.sub(r"[^a-z.]", "", suffix.lower())
    path = runs_dir() / FOLDER / hashlib.sha256(content).hexdigest()[:12] / called
    with replacing(path) as beside:
        beside.write_bytes(content)
    os.utime(path.parent)  # asked for again: kept anew
    return path


def folder_for_model() -> "tempfile.TemporaryDirectory[str]":
    """Make a folder for a model's uploaded files; removed with the object that stands for it."""
    root = runs_dir() / FOLDER
    root.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix="model-", dir=root)


def sweep() -> None:
    """Remove the uploads that nothing reads any more; what can't be removed stays."""
    runs = runs_dir()
    if not (runs / FOLDER).is_dir():
        return
    named = " ".join(json.dumps(entry.spec.to_json()) for entry in queue.waiting())
    for file in runs.glob("*/run.json"):
        named += file.read_text(encoding="utf-8", errors="replace")
    for upload in (runs / FOLDER).iterdir():
        if upload.name not in named and time.time() - upload.stat().st_mtime > KEPT:
            shutil.rmtree(upload, ignore_errors=True)
