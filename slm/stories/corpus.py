"""Stories as one long row of tokens on disk, with the places where stories start."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt16

from slm.errors import BadInput
from slm.stories.cleaning import CLEANING_VERSION, CleaningReport, clean, story_key
from slm.stories.sources import HUB, Source, open_source
from slm.stories.tokenizer import Tokenizer

FORMAT_VERSION = "1"
STORIES_AT_ONCE = 2048
HELD_OUT_SHARE = 0.05
HELD_OUT_AT_MOST = 2000

Progress = Callable[[str, float | None], None]
"""Called with what is being done and the share done, None where that is not known."""


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

    Without `valid`, the hub's validation file is used where there is one; elsewhere a twentieth of
    the stories (at most 2000), picked by their hash, is held out. Memory stays flat: text streams.

    Raises `BadInput` for a source that cannot be used, or that is shorter than one context.
    """
    progress("reading the corpus", None)
    opened = open_source(source)
    if valid is None and (source in HUB or opened.spec.startswith("nursery")):
        opened_valid: Source | None = open_source(source, "valid")
    else:
        opened_valid = None if valid is None else open_source(valid)

    split = _Split(opened, opened_valid)
    made_from = f"{FORMAT_VERSION} {CLEANING_VERSION} {opened.fingerprint}"
    made_from += f" {opened_valid.fingerprint if opened_valid else 'held out'}"
    if tokenizer is None:
        path = cache / f"tokenizer-{_short_hash(f'{made_from} {d_vocab}')}.json"
        if not path.exists():
            progress("learning the tokenizer", None)
            Tokenizer.train(split.train(CleaningReport()), d_vocab).save(path)
        tokenizer = Tokenizer.load(path)

    folder = cache / f"corpus-{_short_hash(f'{made_from} {tokenizer.hash}')}"
    if not (folder / "manifest.json").exists():
        _write(folder, split, tokenizer, progress)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    prepared = Prepared(
        tokenizer=tokenizer,
        train=_open(folder, "train", manifest),
        valid=_open(folder, "valid", manifest),
        report=CleaningReport(**manifest["train"]["report"]),
        valid_report=CleaningReport(**manifest["valid"]["report"]),
    )
    if (size := len(prepared.train.tokens)) < n_ctx + 1:
        raise BadInput(
            f"a corpus must be longer than one context of {n_ctx} tokens; {source!r} has {size}"
        )
    return prepared


class _Split:
    """The cleaned stories of the two splits, streamed."""

    def __init__(self, source: Source, valid: Source | None) -> None:
        self.source, self.valid_source = source, valid
        if valid is not None:
            self.kept_out = {story_key(s) for s in clean(valid.raw(), CleaningReport())}
        else:
            keys = [story_key(s) for s in clean(source.raw(), CleaningReport())]
            share = max(1, min(int(len(keys) * HELD_OUT_SHARE), HELD_OUT_AT_MOST))
            self.kept_out = set(sorted(keys)[: min(share, max(len(keys) - 1, 0))])

    def train(self, report: CleaningReport) -> Iterator[str]:
        return clean(self.source.raw(), report, exclude=self.kept_out)

    def valid(self, report: CleaningReport) -> Iterator[str]:
        if self.valid_source is not None:
            return clean(self.valid_source.raw(), report)
        everything = clean(self.source.raw(), CleaningReport())
        return self._counted((s for s in everything if story_key(s) in self.kept_out), report)

    @staticmethod
    def _counted(stories: Iterable[str], report: CleaningReport) -> Iterator[str]:
        for story in stories:
            report.kept += 1
            yield story


def _write(folder: Path, split: _Split, tokenizer: Tokenizer, progress: Progress) -> None:
    """Write both splits beside `folder` and rename: a half-written cache is never seen."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        manifest = {}
        for name, stories in (("train", split.train), ("valid", split.valid)):
            report = CleaningReport()
            progress(f"tokenizing the {name} stories", None)
            written = _write_tokens(beside / name, stories(report), tokenizer)
            manifest[name] = {**written, "report": asdict(report)}
        (beside / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        try:
            os.replace(beside, folder)
        except OSError:
            if not (folder / "manifest.json").exists():  # else another process was quicker
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _write_tokens(path: Path, stories: Iterable[str], tokenizer: Tokenizer) -> dict[str, object]:
    starts: list[int] = []
    position, n_bytes = 0, 0
    digest = hashlib.blake2b(digest_size=16)
    with path.with_suffix(".bin").open("wb") as file:

        def put(ids: list[int]) -> None:
            data = np.asarray(ids, dtype="<u2").tobytes()
            digest.update(data)
            file.write(data)

        for texts in _batched(stories, STORIES_AT_ONCE):
            for text, ids in zip(texts, tokenizer.encode_many(texts), strict=True):
                starts.append(position)
                put([tokenizer.end, *ids])
                position += 1 + len(ids)
                n_bytes += len(text.encode())
        put([tokenizer.end])
    np.save(path.with_suffix(".starts.npy"), np.asarray(starts, dtype=np.int64))
    return {"bytes": n_bytes, "hash": digest.hexdigest()}


def _batched(stories: Iterable[str], size: int) -> Iterator[tuple[str, ...]]:
    rest = iter(stories)
    while batch := tuple(islice(rest, size)):
        yield batch


def _open(folder: Path, name: str, manifest: dict[str, dict[str, object]]) -> Corpus:
    entry = manifest[name]
    return Corpus(
        tokens=np.memmap(folder / f"{name}.bin", dtype=np.uint16, mode="r"),
        starts=np.load(folder / f"{name}.starts.npy", mmap_mode="r"),
        n_bytes=int(str(entry["bytes"])),
        hash=str(entry["hash"]),
    )


def _short_hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
