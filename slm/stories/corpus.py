"""Stories as one long row of tokens on disk, with the places where stories start."""

import hashlib
import heapq
import json
import os
import shutil
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from jaxtyping import Int64, UInt16

from slm.errors import BadInput
from slm.stories.cleaning import CLEANING_VERSION, CleaningReport, clean, story_key
from slm.stories.sources import Source, has_validation, open_source
from slm.stories.tokenizer import TRAINING_BYTES, Tokenizer

FORMAT_VERSION = "2"
TEXT_AT_ONCE = 2_000_000
REPORT_EVERY = 20_000_000
"""Characters: of text encoded together, and of text read between two reports of progress."""
HELD_OUT_SHARE = 0.05
HELD_OUT_AT_MOST = 2000

Progress = Callable[[str, float | None], None]
"""Called with what is being done and the share done, None where that is not known.

At the start of each stage, and again whenever 20 MB more of text were read.
"""


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
class Prepared:
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
    progress: Progress = lambda stage, share: None,
) -> Prepared:
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
            _write(folder, split, tokenizer)
            prepared = _open(folder, tokenizer)
            assert prepared is not None, f"{folder} was just written"
    if (size := len(prepared.train.tokens)) < n_ctx + 1:
        raise BadInput(
            f"a corpus must be longer than one context of {n_ctx} tokens; {source!r} has {size}"
        )
    return prepared


@contextmanager
def _alone(path: Path, progress: Progress) -> Iterator[None]:
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

    def __init__(self, source: Source, valid: Source | None, progress: Progress) -> None:
        self.source, self.valid_source, self.progress = source, valid, progress
        other = valid.fingerprint if valid else "held out"
        self.made_from = f"{FORMAT_VERSION} {CLEANING_VERSION} {source.fingerprint} {other}"

    def train(
        self, report: CleaningReport, stage: str, at_most: int | None = None
    ) -> Iterator[str]:
        """Training stories. `at_most` tells how many characters the caller means to read."""
        kept_out = self.validation_keys
        return clean(self.read(self.source, stage, at_most), report, exclude=kept_out)

    def valid(self, report: CleaningReport, stage: str) -> Iterator[str]:
        if self.valid_source is not None:
            yield from clean(self.read(self.valid_source, stage), report)
        else:
            report.kept = len(self.held_out)
            yield from self.held_out.values()

    @cached_property
    def validation_keys(self) -> frozenset[int]:
        if self.valid_source is None:
            return frozenset(self.held_out)
        stories = self.read(self.valid_source, "reading the validation stories")
        return frozenset(map(story_key, clean(stories, CleaningReport())))

    @cached_property
    def held_out(self) -> dict[int, str]:
        """The stories with the smallest hashes, by hash, in the order of the corpus."""
        smallest: list[tuple[int, int, str]] = []  # a heap, the largest hash of them on top
        count = 0
        stories = self.read(self.source, "choosing validation stories")
        for count, story in enumerate(clean(stories, CleaningReport()), 1):
            heapq.heappush(smallest, (-story_key(story), count, story))
            if len(smallest) > HELD_OUT_AT_MOST:
                heapq.heappop(smallest)
        share = max(1, min(int(count * HELD_OUT_SHARE), HELD_OUT_AT_MOST))
        chosen = heapq.nlargest(min(share, max(count - 1, 0)), smallest)
        return {-key: story for key, _, story in sorted(chosen, key=lambda entry: entry[1])}

    def read(self, source: Source, stage: str, at_most: int | None = None) -> Iterator[str]:
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
            written = _write_tokens(beside / name, texts, tokenizer)
            manifest[name] = {**written, "report": asdict(report)}
            if not written["stories"]:
                raise BadInput(f"no {name} story is left after cleaning: {report}")
        (beside / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        if folder.exists():  # and yet could not be opened
            shutil.rmtree(folder)
        os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _write_tokens(path: Path, stories: Iterable[str], tokenizer: Tokenizer) -> dict[str, object]:
    starts = array("q")
    position, n_bytes = 0, 0
    digest = hashlib.blake2b(digest_size=16)
    with path.with_suffix(".bin").open("wb") as file:

        def put(ids: list[int]) -> None:
            data = np.asarray(ids, dtype="<u2").tobytes()
            digest.update(data)
            file.write(data)

        for texts in _batched(stories, TEXT_AT_ONCE):
            together: list[int] = []
            for text, ids in zip(texts, tokenizer.encode_many(texts), strict=True):
                starts.append(position + len(together))
                together.append(tokenizer.end)
                together.extend(ids)
                n_bytes += len(text.encode())
            put(together)
            position += len(together)
        put([tokenizer.end])
    np.save(path.with_suffix(".starts.npy"), np.asarray(starts, dtype=np.int64))
    return {
        "stories": len(starts),
        "tokens": position + 1,
        "bytes": n_bytes,
        "hash": digest.hexdigest(),
    }


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


def _open(folder: Path, tokenizer: Tokenizer) -> Prepared | None:
    """What was written to `folder` before; None where nothing was, or where it is not whole."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        train, valid = (_open_corpus(folder, name, manifest[name]) for name in ("train", "valid"))
    except (FileNotFoundError, ValueError, KeyError):
        return None
    return Prepared(
        tokenizer=tokenizer,
        train=train,
        valid=valid,
        report=CleaningReport(**manifest["train"]["report"]),
        valid_report=CleaningReport(**manifest["valid"]["report"]),
    )


def _open_corpus(folder: Path, name: str, entry: dict[str, Any]) -> Corpus:
    """Raises `ValueError` where a file is not as long as the manifest says."""
    tokens = np.memmap(folder / f"{name}.bin", dtype="<u2", mode="r")
    starts = np.load(folder / f"{name}.starts.npy", mmap_mode="r")
    if (len(tokens), len(starts)) != (entry["tokens"], entry["stories"]):
        raise ValueError(f"{folder} is not whole")
    return Corpus(tokens=tokens, starts=starts, n_bytes=entry["bytes"], hash=entry["hash"])


def _short_hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
