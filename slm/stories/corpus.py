"""Stories as one long row of tokens on disk, with the places where stories start."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from filelock import FileLock, Timeout
from jaxtyping import Int64, UInt16

from slm.errors import BadInput, shown
from slm.files import writing
from slm.progress import ProgressCallback
from slm.reading import open_array, open_numbers, read_json
from slm.stories.cleaning import CleaningReport
from slm.stories.encoding import LONG, cores, write_tokens
from slm.stories.sources import has_validation, open_source
from slm.stories.splits import CleanedSplits
from slm.stories.tokenizer import TRAINING_BYTES, Tokenizer


@dataclass(frozen=True, kw_only=True, eq=False)
class Corpus:
    """Tokens of many stories: END story END story … END, memory-mapped.

    `starts[i]` is where story i's opening END stands. `n_bytes` counts the UTF-8 bytes of the text.
    """

    tokens: UInt16[np.ndarray, "token"]
    starts: Int64[np.ndarray, "story"]
    n_bytes: int
    hash: str

    def __len__(self) -> int:
        return len(self.starts)

    def story(self, index: int) -> UInt16[np.ndarray, "pos"]:
        """Return story `index`, its opening END first, without its closing END."""
        after = self.starts[index + 1] if index + 1 < len(self) else len(self.tokens) - 1
        return self.tokens[self.starts[index] : after]


@dataclass(frozen=True, kw_only=True, eq=False)
class TokenizedSplits:
    """What training needs: the tokenizer, the two splits, and what cleaning did to each."""

    tokenizer: Tokenizer
    train: Corpus
    valid: Corpus
    report: CleaningReport
    valid_report: CleaningReport


def prepare(
    source: str,
    *,
    valid: str | None = None,
    tokenizer: Tokenizer | None = None,
    d_vocab: int = 4096,
    n_ctx: int = 256,
    cache: Path,
    progress: ProgressCallback = lambda stage, share: None,
) -> TokenizedSplits:
    """Clean and tokenize a corpus, or find it in `cache` where that was done before.

    Without `valid`, the corpus' own validation stories are used where it brings some (the hub's,
    nursery); elsewhere a twentieth of the stories (at most 2000), picked by their hash, is held
    out. Memory stays flat: text streams, and a number per story is remembered.

    Raises `BadInput` for a source that cannot be used, that is shorter than one context, or that
    leaves nothing to validate with.
    """
    progress("reading the corpus", None)
    opened = open_source(source)
    if valid is None and has_validation(source):
        valid = source
    split = CleanedSplits(opened, None if valid is None else open_source(valid, "valid"), progress)
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache / f".{_short_hash(split.made_from)}.lock", progress):
        if tokenizer is None:
            path = cache / f"tokenizer-{_short_hash(f'{split.made_from} {d_vocab}')}.json"
            if not path.exists():
                stories = split.train(CleaningReport(), "learning the tokenizer", TRAINING_BYTES)
                Tokenizer.train(stories, d_vocab).save(path)
            tokenizer = Tokenizer.load(path)
        folder = cache / f"corpus-{_short_hash(f'{split.made_from} {tokenizer.hash}')}"
        prepared = _open(folder, tokenizer)
        if prepared is None:
            with writing(folder):
                _write(folder, split, tokenizer)
            prepared = _open(folder, tokenizer)
            assert prepared is not None, f"{folder} was just written"
    if (size := len(prepared.train.tokens)) < n_ctx + 1:
        raise BadInput(
            f"a corpus must be longer than one context of {n_ctx} tokens; {shown(source)} has {size}"
        )
    return prepared


@contextmanager
def _alone(path: Path, progress: ProgressCallback) -> Iterator[None]:
    """Let one process at a time prepare a corpus; the others then find it done."""
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        progress("waiting for another process that prepares this corpus", None)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _write(folder: Path, split: CleanedSplits, tokenizer: Tokenizer) -> None:
    """Write both splits beside `folder` and rename: a half-written cache is never seen.

    The caller holds the lock, so what lies beside was left by a process that was killed.
    """
    for left in folder.parent.glob(f".{folder.name}.*"):
        shutil.rmtree(left, ignore_errors=True)
    beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        manifest = {}
        for name, stories in (("train", split.train), ("valid", split.valid)):
            report = CleaningReport()
            texts = stories(report, f"tokenizing the {name} stories")
            workers = cores() if name == "train" and split.source.size > LONG else 0
            written = write_tokens(beside / name, texts, tokenizer, workers)
            manifest[name] = {**written, "report": asdict(report)}
            if not written["stories"]:
                raise BadInput(split.nothing_left(name, report))
        (beside / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        if folder.exists():  # and yet could not be opened
            shutil.rmtree(folder)
        os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _open(folder: Path, tokenizer: Tokenizer) -> TokenizedSplits | None:
    """Open the splits written to `folder`; None where there are none or they are not whole."""
    try:
        manifest = read_json(folder / "manifest.json", dict[str, _Written])
        return TokenizedSplits(
            tokenizer=tokenizer,
            train=_open_corpus(folder, "train", manifest["train"]),
            valid=_open_corpus(folder, "valid", manifest["valid"]),
            report=CleaningReport.of(manifest["train"]["report"]),
            valid_report=CleaningReport.of(manifest["valid"]["report"]),
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None


class _Written(TypedDict):
    """What the manifest says of a split."""

    stories: int
    tokens: int
    bytes: int
    hash: str
    report: dict[str, Any]


def _open_corpus(folder: Path, name: str, entry: _Written) -> Corpus:
    """Map one split's tokens and story starts.

    Raises `BadInput` where a file's length is not the manifest's, or story starts do not increase.
    """
    tokens = open_numbers(folder / f"{name}.bin", "<u2", entry["tokens"])
    starts = open_array(folder / f"{name}.starts.npy", np.int64, (entry["stories"],))
    ends = np.append(starts, len(tokens) - 1)
    if starts[:1].tolist() != [0] or (np.diff(ends) < 1).any():
        raise BadInput(f"{folder} is damaged: its stories do not begin one after the other")
    return Corpus(tokens=tokens, starts=starts, n_bytes=entry["bytes"], hash=entry["hash"])


def _short_hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
