"""Differences in loss between two models on the same stories: by stretch, sentence, word, and in all.

A gain is what model B pays and A does not, in nats: above zero where A expected the text better.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float64

from slm.comparing.alignment import align, total
from slm.model.loss import story_nats
from slm.runs import Checkpoint
from slm.stats.bootstrap import bootstrap_ratio
from slm.stats.interval import Interval
from slm.stories.tokenizer import END

STORIES_AT_ONCE = 16
STORIES_OF_A_WORD = 3
"""A word that stands in fewer stories is not told of: an interval over stories needs some."""

_SENTENCE_ENDS = re.compile(r"[.!?]+[\"\u201d\u2019')]*(?=\s)\n*|\n+")
_WORDS = re.compile(r"\w+(?:['\u2019]\w+)?|[^\w\s]+")


@dataclass(frozen=True, kw_only=True, eq=False)
class StoryDifference:
    """A story in stretches (see `slm.comparing.alignment`): what each costs A and B, in nats.

    `str_tokens[-1]` is END, the end of the story, which is predicted like everything else.
    """

    number: int
    text: str
    str_tokens: tuple[str, ...]
    a: Float64[np.ndarray, "stretch"]
    b: Float64[np.ndarray, "stretch"]

    @property
    def gain(self) -> Float64[np.ndarray, "stretch"]:
        """Nats that A saves against B, by stretch."""
        return self.b - self.a

    @cached_property
    def bytes(self) -> int:
        """Bytes of the text."""
        return len(self.text.encode())

    @property
    def bits_per_byte(self) -> float:
        """The gain of the whole story in bits per byte."""
        return float(self.gain.sum()) / math.log(2) / self.bytes

    @cached_property
    def starts(self) -> list[int]:
        """The character each stretch begins at; the end's is the text's length."""
        lengths = [len(str_token) for str_token in self.str_tokens[:-1]]
        return [0, *np.cumsum(lengths).tolist()]


def differences(
    a: Checkpoint, b: Checkpoint, texts: Sequence[str], first: int = 0
) -> Iterator[StoryDifference]:
    """Let both models read each text. Nothing is lost: the stretches sum to each model's whole loss."""
    for start in range(0, len(texts), STORIES_AT_ONCE):
        some = texts[start : start + STORIES_AT_ONCE]
        costs = [
            story_nats(m.weights, m.tokenizer, [m.tokenizer.encode_story(text) for text in some])
            for m in (a, b)
        ]
        for at, text in enumerate(some):
            cut = align(text, a.tokenizer, b.tokenizer)
            sums = [
                np.append(total(nats[at][:-1], of[1:], len(cut))[1:], nats[at][-1])
                for nats, of in zip(costs, (cut.of_a, cut.of_b), strict=True)
            ]
            yield StoryDifference(
                number=first + start + at,
                text=text,
                str_tokens=(*cut.str_tokens[1:], END),
                a=sums[0],
                b=sums[1],
            )


@dataclass(frozen=True, kw_only=True)
class LossDifference:
    """Bits per byte of both models on the same stories; `gain` is B's minus A's, story by story."""

    stories: int
    bytes: int
    a: Interval
    b: Interval
    gain: Interval

    def verdict(self) -> str:
        """Say in a sentence which model expects the stories better, and how sure that is."""
        better, worse = ("A", "B") if self.gain.mean > 0 else ("B", "A")
        size = f"{abs(self.gain.mean):.3f} bits per byte"
        if self.gain.bounds is None:
            return (
                f"{better} expects this story better: {size} less than {worse}. One story "
                "does not tell how far to trust that."
            )
        between = f"95 % between {self.gain.low:+.3f} and {self.gain.high:+.3f}, B less A"
        if self.gain.low <= 0 <= self.gain.high:
            return (
                f"On these {self.stories} stories A and B cannot be told apart by their loss: "
                f"{self.gain.mean:+.3f} bits per byte ({between})."
            )
        stories = f"these {self.stories} stories"
        return f"{better} expects {stories} better: {size} less than {worse} ({between})."


def loss_difference(stories: Sequence[StoryDifference], seed: int = 0) -> LossDifference:
    """Estimate both models' bits per byte and their difference, with a paired bootstrap over stories."""
    sizes = np.array([[story.bytes] * 3 for story in stories])
    bits = np.array([[s.a.sum(), s.b.sum(), s.gain.sum()] for s in stories]) / math.log(2)
    found = bootstrap_ratio(bits, sizes, seed)
    a, b, gain = (found.at(column, len(stories)) for column in range(3))
    return LossDifference(stories=len(stories), bytes=int(sizes[:, 0].sum()), a=a, b=b, gain=gain)


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """Stretches `first` to `last` (exclusive) of a story, and what A saves there, in nats."""

    story: int
    first: int
    last: int
    text: str
    gain: float


def sentences(story: StoryDifference) -> list[Sentence]:
    """Split a story into its sentences, in order; together they are all of it but END."""
    ends = [match.end() for match in _SENTENCE_ENDS.finditer(story.text)]
    starts = np.array(story.starts[:-1])
    of = np.searchsorted(np.array(ends, dtype=int), starts, side="right")
    found = []
    for one in np.unique(of).tolist():
        where = np.flatnonzero(of == one)
        first, last = int(where[0]), int(where[-1]) + 1
        found.append(
            Sentence(
                story=story.number,
                first=first,
                last=last,
                text="".join(story.str_tokens[first:last]).strip(),
                gain=float(story.gain[first:last].sum()),
            )
        )
    return found


def sentences_by_gain(stories: Sequence[StoryDifference]) -> list[Sentence]:
    """Return the sentences of all stories by absolute gain, largest first."""
    every = [one for story in stories for one in sentences(story) if one.text]
    return sorted(every, key=lambda sentence: -abs(sentence.gain))


@dataclass(frozen=True, kw_only=True)
class WordGain:
    """A word, how often it stands in the stories, and what A saves each time, in nats."""

    text: str
    count: int
    gain: Interval
    total: float


def words(stories: Sequence[StoryDifference], seed: int = 0) -> list[WordGain]:
    """Sum the gain by word (lower case) over stories, the largest absolute gain first.

    Every stretch counts for the word that it begins or goes on with, so the words and marks of a
    story, and its end, sum to its gain. The interval is a bootstrap over stories.
    """
    names: dict[str, int] = {}
    cells: list[tuple[int, int, float, bool]] = []
    for row, story in enumerate(stories):
        spots = [(m.end(), m.group().lower()) for m in _WORDS.finditer(story.text)]
        ends = np.array([end for end, _ in spots], dtype=int)
        before = -1
        for str_token, start, gain in zip(
            story.str_tokens, story.starts, story.gain.tolist(), strict=True
        ):
            inked = start + len(str_token) - len(str_token.lstrip())
            spot = int(np.searchsorted(ends, inked, side="right"))
            spot = min(spot, len(spots) - 1)
            end = str_token == END
            name = END if end else spots[spot][1]
            column = names.setdefault(name, len(names))
            cells.append((row, column, gain, end or spot != before))
            before = spot
    gains = np.zeros((len(stories), len(names)))
    counts = np.zeros_like(gains)
    for row, column, gain, begins in cells:
        gains[row, column] += gain
        counts[row, column] += begins
    means = bootstrap_ratio(gains, counts, seed)
    enough = (counts > 0).sum(0) >= min(STORIES_OF_A_WORD, len(stories))
    found = []
    for name, column in names.items():
        if enough[column]:
            count, whole = int(counts[:, column].sum()), float(gains[:, column].sum())
            found.append(
                WordGain(text=name, count=count, gain=means.at(column, count), total=whole)
            )
    return sorted(found, key=lambda word: -abs(word.total))


def differences_json(stories: Sequence[StoryDifference]) -> dict[str, Any]:
    """Return what the models pay for the stories: in all, by sentence, by word and by stretch."""
    return {
        "gain": "what B pays and A does not, in nats: above 0 where A expected the text better",
        "loss in bits per byte": asdict(loss_difference(stories)),
        "sentences": [asdict(sentence) for sentence in sentences_by_gain(stories)],
        "words": [asdict(word) for word in words(stories)],
        "stories": [
            {
                "story": story.number,
                "str_tokens": story.str_tokens,
                "nats of a": story.a.round(5).tolist(),
                "nats of b": story.b.round(5).tolist(),
            }
            for story in stories
        ],
    }
