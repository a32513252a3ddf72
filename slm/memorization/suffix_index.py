"""Exact copies of a text in a whole corpus, by a suffix array of words.

The corpus is written down as its words, and a suffix array lists every place in it in the order of
what stands there (Manber & Myers 1990), so that any passage is found by binary search. It is made by
libdivsufsort, part after part, so that memory holds one part and never the corpus; it is read from
disk through a memory map. Letters' case and punctuation are set aside: " Once upon" is "once upon".
"""

import json
import os
import shutil
import tempfile
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
from jaxtyping import Int64
from pydivsufsort import divsufsort

from slm.errors import BadInput
from slm.files import writing
from slm.memorization.rouge import words
from slm.reading import open_array, open_numbers, read_json
from slm.runs import runs_dir
from slm.stories.cleaning import cleaned
from slm.stories.sources import StorySource, open_source

INDEX_VERSION = 1
PART_BYTES = 1 << 27
"""How much text is sorted at once: it takes five times as much memory."""
LONGEST = 1 << 12
"""Bytes of a passage that are compared at most; a longer copy is found as several."""

StoryWords = Callable[[str], Sequence[str]]
"""How a story is turned into the words that are compared."""


@dataclass(frozen=True, kw_only=True)
class Copy:
    """StoryWords `start` to `stop` (exclusive) of a text, which stand in story `story` of the corpus."""

    start: int
    stop: int
    story: int

    def __len__(self) -> int:
        """Count the words."""
        return self.stop - self.start


@dataclass(frozen=True, kw_only=True)
class Building:
    """How far the making of an index has come."""

    stories: int
    share: float


def plain_words(text: str) -> list[str]:
    """Return the words of a story, unmasked."""
    return [word.text for word in words(text)]


class _Manifest(TypedDict):
    parts: int


class CorpusPart:
    """A stretch of the corpus: its text, and its places in the order of what stands there.

    Each story is " word word word \\n": a passage with a space on both sides is whole words, and
    none reaches over the end of its story.
    """

    def __init__(self, folder: Path, number: int) -> None:
        self.text = open_numbers(folder / f"{number:04d}.words", np.uint8)
        self.order = open_array(folder / f"{number:04d}.order.npy", np.int32, (len(self.text),))

    def at(self, place: int, length: int) -> bytes:
        """Return `length` bytes of the part from `place` on."""
        return self.text[place : place + length].tobytes()

    def places(self, passage: bytes) -> tuple[int, int]:
        """Return the range of `order` whose suffixes begin with `passage`: from, to (exclusive)."""
        key = self._reader(len(passage))
        order = range(len(self.order))
        return bisect_left(order, passage, key=key), bisect_right(order, passage, key=key)

    def longest(self, passage: bytes) -> tuple[int, int]:
        """Return the length of the longest prefix of `passage` that occurs, and one place of it."""
        rank = bisect_left(range(len(self.order)), passage, key=self._reader(len(passage)))
        best = (0, 0)
        for neighbour in (rank - 1, rank):
            if 0 <= neighbour < len(self.order):
                place = int(self.order[neighbour])
                best = max(best, (_common(passage, self.at(place, len(passage))), place))
        return best

    def _reader(self, length: int) -> Callable[[int], bytes]:
        return lambda rank: self.at(int(self.order[rank]), length)


def _common(one: bytes, other: bytes) -> int:
    """Return the length of two passages' common prefix, in bytes."""
    length = min(len(one), len(other))
    differ = np.flatnonzero(
        np.frombuffer(one, np.uint8, length) != np.frombuffer(other, np.uint8, length)
    )
    return int(differ[0]) if len(differ) else length


class CopyIndex:
    """Every passage of a corpus, to be looked up."""

    def __init__(self, folder: Path) -> None:
        manifest = read_json(folder / "manifest.json", _Manifest)
        self.parts = [CorpusPart(folder, number) for number in range(manifest["parts"])]
        self._words = open_array(
            folder / "words.npy", np.int64, (None,)
        )  # each story's first, over all
        self._texts = open_array(folder / "texts.npy", np.int64, (len(self._words),))
        self._text = open_numbers(folder / "stories.txt", np.uint8, int(self._texts[-1]))
        self._first = np.cumsum([0, *(len(part.text) for part in self.parts)])

    def __len__(self) -> int:
        """Count the stories."""
        return len(self._texts) - 1

    def story(self, number: int) -> str:
        """Return the text of story `number` of the corpus."""
        return self._text[self._texts[number] : self._texts[number + 1]].tobytes().decode()

    def stories(self) -> Iterator[str]:
        """Yield every story of the corpus."""
        return (self.story(number) for number in range(len(self)))

    def count(self, passage: Sequence[str]) -> int:
        """Count the occurrences of a passage in the corpus."""
        wanted = _written(passage)
        found = (part.places(wanted) for part in self.parts)
        return sum(stop - start for start, stop in found)

    def stories_with(self, passage: Sequence[str], limit: int) -> list[int]:
        """Return up to `limit` stories that contain a passage, in corpus order."""
        wanted, found = _written(passage), set()
        for number, part in enumerate(self.parts):
            start, stop = part.places(wanted)
            for rank in range(start, min(stop, start + limit)):
                found.add(self._story_at(number, int(part.order[rank])))
        return sorted(found)[:limit]

    def every_story_with(self, passage: Sequence[str]) -> Int64[np.ndarray, "story"]:
        """Return the numbers of all stories that contain a passage, in corpus order."""
        wanted, found = _written(passage), []
        for number, part in enumerate(self.parts):
            start, stop = part.places(wanted)
            at = np.asarray(part.order[start:stop], dtype=np.int64) + self._first[number]
            found.append(np.unique(np.searchsorted(self._words, at, side="right") - 1))
        return np.concatenate(found).astype(np.int64)

    def matches(self, text: Sequence[str]) -> list[Copy]:
        """Return, for each word of a text, the longest run from it that occurs in the corpus.

        An empty run says that the word itself is not in the corpus.
        """
        return [self._longest(text, start) for start in range(len(text))]

    def _longest(self, text: Sequence[str], start: int) -> Copy:
        passage = _written(text[start : start + LONGEST // 2])[:LONGEST]
        (length, place), number = max(
            (part.longest(passage), number) for number, part in enumerate(self.parts)
        )
        whole = passage[:length].count(b" ") - 1  # a word counts with the space after it
        return Copy(start=start, stop=start + max(whole, 0), story=self._story_at(number, place))

    def _story_at(self, part: int, place: int) -> int:
        return int(np.searchsorted(self._words, self._first[part] + place, side="right")) - 1


def copies(matches: Sequence[Copy], at_least: int) -> list[Copy]:
    """Select the maximal copies of at least `at_least` words from a text's `matches`."""
    found: list[Copy] = []
    reached = 0
    for match in matches:
        if match.stop > reached and len(match) >= at_least:
            found.append(match)
            reached = match.stop
    return found


def _written(passage: Sequence[str]) -> bytes:
    return f" {' '.join(passage)} ".encode()


def open_copies(corpus: str, as_words: StoryWords = plain_words) -> CopyIndex | None:
    """Open the suffix index of a corpus; None where there is none yet, or it is damaged."""
    folder = _folder(open_source(corpus), as_words)
    try:
        return CopyIndex(folder)
    except (FileNotFoundError, BadInput):
        return None


def build_copies(corpus: str, as_words: StoryWords = plain_words) -> Iterator[Building]:
    """Read a corpus and write its index, yielding how far it has come. Ended early, it leaves nothing.

    Raises `BadInput` where no story survives cleaning.
    """
    source = open_source(corpus)
    folder = _folder(source, as_words)
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        with writing(folder):
            yield from _write(source, as_words, beside)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _folder(source: StorySource, as_words: StoryWords) -> Path:
    name = f"copies-{INDEX_VERSION}-{as_words.__name__}-{source.fingerprint}"
    return runs_dir() / ".corpora" / name


def _write(source: StorySource, as_words: StoryWords, folder: Path) -> Iterator[Building]:
    first_word, first_text, parts, read = [0], [0], 0, 0
    part = bytearray()
    with (folder / "stories.txt").open("wb") as file:
        for story in cleaned(source):
            text, passage = story.encode(), _written(as_words(story)) + b"\n"
            file.write(text)
            part += passage
            first_text.append(first_text[-1] + len(text))
            first_word.append(first_word[-1] + len(passage))
            read += len(story)
            if len(part) >= PART_BYTES:
                yield Building(stories=len(first_text) - 1, share=min(read / source.size, 0.99))
                _sort(part, folder, parts)
                parts, part = parts + 1, bytearray()
    if len(first_text) == 1:
        raise BadInput(f"the corpus {source.spec!r} holds no story that survives cleaning")
    yield Building(stories=len(first_text) - 1, share=0.99)
    if part:
        _sort(part, folder, parts)
        parts += 1
    np.save(folder / "words.npy", np.asarray(first_word, dtype=np.int64))
    np.save(folder / "texts.npy", np.asarray(first_text, dtype=np.int64))
    manifest = {"corpus": source.spec, "fingerprint": source.fingerprint, "parts": parts}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def _sort(part: bytearray, folder: Path, number: int) -> None:
    text = np.frombuffer(part, dtype=np.uint8)
    text.tofile(folder / f"{number:04d}.words")
    np.save(folder / f"{number:04d}.order.npy", divsufsort(text).astype(np.int32, copy=False))
