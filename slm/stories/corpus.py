"""Stories as one long row of tokens on disk, with the places where stories start."""

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import numpy as np
from filelock import FileLock, Timeout
from jaxtyping import Int64, UInt16

from slm.errors import BadInput, shown
from slm.files import writing
from slm.progress import ProgressCallback
from slm.reading import open_array, open_numbers, read_json
from slm.stories.cleaning import CLEANING_VERSION, CleaningReport, cleaned_with_keys
from slm.stories.sources import StorySource, has_validation, open_source
from slm.stories.tokenizer import TRAINING_BYTES, Tokenizer

FORMAT_VERSION = "3"
TEXT_AT_ONCE = 2_000_000
REPORT_EVERY = 20_000_000
"""Characters: of text encoded together, and of text read between two reports of progress."""
HELD_OUT_SHARE = 0.05
HELD_OUT_AT_MOST = 2000
LONG = 50_000_000
"""Characters from which on several processes encode a corpus."""
JUDGED_BY = 20_000_000
"""Characters from the beginning of a corpus by which the share held out is set."""


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
        """Story `index`, its opening END first, without the END that closes it."""
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
    split = _Split(opened, None if valid is None else open_source(valid, "valid"), progress)
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


class _Split:
    """The cleaned stories of the two splits, streamed; nothing is read before it is asked for."""

    def __init__(
        self, source: StorySource, valid: StorySource | None, progress: ProgressCallback
    ) -> None:
        self.source, self.valid_source, self.progress = source, valid, progress
        other = valid.fingerprint if valid else "held out"
        self.made_from = f"{FORMAT_VERSION} {CLEANING_VERSION} {source.fingerprint} {other}"
        self.held_out: list[str] = []

    def train(
        self, report: CleaningReport, stage: str, at_most: int | None = None
    ) -> Iterator[str]:
        """Training stories. `at_most` tells how many characters the caller means to read.

        What is held out on the way is kept for `valid`.
        """
        self.held_out = []
        raw = self.read(self.source, stage, at_most)
        if self.valid_source is not None:
            keys = self.validation_keys
            for _, story in cleaned_with_keys(self.source, raw, report, exclude=keys):
                yield story
            return
        for key, story in cleaned_with_keys(self.source, raw, report):
            if key <= self.highest_held_out:
                report.kept -= 1
                report.drop("in_validation", story)
                self.held_out.append(story)
            else:
                yield story

    def valid(self, report: CleaningReport, stage: str) -> Iterator[str]:
        """Validation stories: of their own source, or what the training ones left behind."""
        if self.valid_source is not None:
            raw = self.read(self.valid_source, stage)
            for _, story in cleaned_with_keys(self.valid_source, raw, report):
                yield story
        else:
            report.kept = len(self.held_out)
            yield from self.held_out

    @cached_property
    def validation_keys(self) -> frozenset[int]:
        assert self.valid_source is not None
        stories = self.read(self.valid_source, "reading the validation stories")
        found = cleaned_with_keys(self.valid_source, stories, CleaningReport())
        return frozenset(key for key, _ in found)

    @cached_property
    def highest_held_out(self) -> int:
        """Stories with keys up to this one are held out: a twentieth of them, or about 2000.

        Read off the first stories; where those are all there are, the share is exact.
        """
        keys: list[int] = []
        read = 0
        stories = self.read(self.source, "choosing validation stories", JUDGED_BY)
        for key, story in cleaned_with_keys(self.source, stories, CleaningReport()):
            keys.append(key)
            read += len(story)
            if read >= JUDGED_BY:
                break
        all_there_are = read < JUDGED_BY
        expected = len(keys) if all_there_are else len(keys) * self.source.size / read
        share = min(HELD_OUT_SHARE, HELD_OUT_AT_MOST / max(1, expected))
        count = min(max(1, int(len(keys) * share)), len(keys) - 1)
        return sorted(keys)[count - 1] if count > 0 else -1

    def nothing_left(self, name: str, report: CleaningReport) -> str:
        """Say why a split has no story."""
        corpus = shown(self.source.spec)
        if self.valid_source is None:
            return (
                f"a corpus needs 2 stories, one to validate with: of {corpus} {report.in_words()}"
            )
        if name == "valid":
            return f"no validation story is left of {shown(self.valid_source.spec)}: {report.in_words()}"
        if report.in_validation and report.in_validation + report.empty == report.read:
            return (
                f"every story of the corpus {corpus} is a validation story, so nothing is left to "
                "train on: give other stories to validate with, or none, and some are held out"
            )
        return f"no story of {corpus} is left to train on: {report.in_words()}"

    def read(self, source: StorySource, stage: str, at_most: int | None = None) -> Iterator[str]:
        """The raw stories of `source`, telling how far they have come."""
        expected = max(1, min(source.size, at_most or source.size))
        self.progress(stage, 0.0)
        read, reported = 0, 0
        for story in source.raw():
            read += len(story)
            if read - reported >= REPORT_EVERY:
                reported = read
                self.progress(stage, min(read / expected, 1.0))
            yield story


def _write(folder: Path, split: _Split, tokenizer: Tokenizer) -> None:
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
            workers = _cores() if name == "train" and split.source.size > LONG else 0
            written = _write_tokens(beside / name, texts, tokenizer, workers)
            manifest[name] = {**written, "report": asdict(report)}
            if not written["stories"]:
                raise BadInput(split.nothing_left(name, report))
        (beside / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        if folder.exists():  # and yet could not be opened
            shutil.rmtree(folder)
        os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _write_tokens(
    path: Path, stories: Iterable[str], tokenizer: Tokenizer, workers: int
) -> dict[str, object]:
    starts = array("q")
    position, n_bytes = 0, 0
    digest = hashlib.blake2b(digest_size=16)
    with path.with_suffix(".bin").open("wb") as file:
        for part in _encoded(_batched(stories, TEXT_AT_ONCE), tokenizer, workers):
            starts.extend(position + start for start in part.starts)
            position += len(part.tokens) // 2
            n_bytes += part.n_bytes
            digest.update(part.tokens)
            file.write(part.tokens)
        end = np.asarray([tokenizer.opening], dtype="<u2").tobytes()
        digest.update(end)
        file.write(end)
    np.save(path.with_suffix(".starts.npy"), np.asarray(starts, dtype=np.int64))
    return {
        "stories": len(starts),
        "tokens": position + 1,
        "bytes": n_bytes,
        "hash": digest.hexdigest(),
    }


class _Encoded(NamedTuple):
    """Some stories as bytes of uint16 tokens, END before each, and where each starts."""

    tokens: bytes
    starts: list[int]
    n_bytes: int


def _encode(texts: list[str], tokenizer: Tokenizer) -> _Encoded:
    tokens, starts = array("H"), []
    for ids in tokenizer.encode_stories(texts):
        starts.append(len(tokens))
        tokens.extend(ids)
    if sys.byteorder == "big":
        tokens.byteswap()
    return _Encoded(tokens.tobytes(), starts, sum(len(text.encode()) for text in texts))


def _encoded(
    batches: Iterable[list[str]], tokenizer: Tokenizer, workers: int
) -> Iterator[_Encoded]:
    """Each batch encoded, in order; by processes of their own where there are `workers`."""
    if not workers:
        yield from (_encode(texts, tokenizer) for texts in batches)
        return
    spawn = multiprocessing.get_context("spawn")  # forking is not safe once threads have run
    with ProcessPoolExecutor(workers, spawn, _begin_worker, (tokenizer.to_json(),)) as pool:
        running: deque[Future[_Encoded]] = deque()
        try:
            for texts in batches:
                running.append(pool.submit(_encode_in_worker, texts))
                if len(running) > 2 * workers:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _begin_worker(tokenizer: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    global _worker_tokenizer
    _worker_tokenizer = Tokenizer.from_json(tokenizer)


def _encode_in_worker(texts: list[str]) -> _Encoded:
    return _encode(texts, _worker_tokenizer)


_worker_tokenizer: Tokenizer


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _batched(stories: Iterable[str], size: int) -> Iterator[list[str]]:
    """Lists of stories, of `size` characters together or the one that goes beyond."""
    batch: list[str] = []
    waiting = 0
    for story in stories:
        batch.append(story)
        waiting += len(story)
        if waiting >= size:
            yield batch
            batch, waiting = [], 0
    if batch:
        yield batch


def _open(folder: Path, tokenizer: Tokenizer) -> TokenizedSplits | None:
    """What was written to `folder` before; None where nothing was, or where it is not whole."""
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
    """Raises `BadInput` where a file is not as long as the manifest says, or its stories are not there."""
    tokens = open_numbers(folder / f"{name}.bin", "<u2", entry["tokens"])
    starts = open_array(folder / f"{name}.starts.npy", np.int64, (entry["stories"],))
    ends = np.append(starts, len(tokens) - 1)
    if starts[:1].tolist() != [0] or (np.diff(ends) < 1).any():
        raise BadInput(f"{folder} is damaged: its stories do not begin one after the other")
    return Corpus(tokens=tokens, starts=starts, n_bytes=entry["bytes"], hash=entry["hash"])


def _short_hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
