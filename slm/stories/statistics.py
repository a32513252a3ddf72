"""What the first stories of a corpus are made of: lengths, words, openings, and what cleaning dropped."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from slm.errors import BadInput, shown
from slm.progress import Progress, Steps
from slm.stats.bootstrap import bootstrap_ratio
from slm.stats.interval import Interval
from slm.stats.proportions import Proportion
from slm.stories.child_words import ChildWords, shipped_words
from slm.stories.cleaning import CleaningReport, Reason, cleaned_with_keys
from slm.stories.diversity import OPENING, Diversity
from slm.stories.instruct import story_of
from slm.stories.search import words_in_order
from slm.stories.sources import open_source

READ = 1000
"""Stories that are read where nothing else is said."""
MOST_READ = 100_000
EXAMPLES = 4
"""Stories kept of each reason for dropping."""
COMMONEST, OUTSIDE = 200, 100
GROWTH_POINTS = 40

_WORDS = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")


@dataclass(kw_only=True)
class DroppedStories(CleaningReport):
    """A cleaning report that keeps the first `EXAMPLES` stories dropped for each reason, whole."""

    stories: dict[str, list[str]] = field(default_factory=dict, compare=False)

    def drop(self, reason: Reason, story: str) -> None:
        """Count a story that is dropped, and keep it where it is one of the first."""
        super().drop(reason, story)
        kept = self.stories.setdefault(reason, [])
        if story and len(kept) < EXAMPLES:
            kept.append(story)


@dataclass(frozen=True, kw_only=True)
class FirstStories:
    """The first stories of a corpus, cleaned, with what cleaning did to them.

    `whole` says that the corpus has no more; `fingerprint` is that of the source.
    """

    corpus: str
    fingerprint: str
    stories: tuple[str, ...]
    report: DroppedStories
    whole: bool


def first_stories(corpus: str, count: int = READ) -> Steps[FirstStories]:
    """Read the first `count` cleaned stories of a corpus, yielding progress.

    Raises `BadInput` for a corpus that cannot be read or holds no story that survives cleaning.
    """
    if not 1 <= count <= MOST_READ:
        raise BadInput(f"1 to {MOST_READ:,} stories are read, not {count:,}")
    yield Progress(doing="opening the corpus", share=0.0)
    source, report = open_source(corpus), DroppedStories()
    found: list[str] = []
    more = cleaned_with_keys(source, source.raw(), report)
    for _, story in islice(more, count):
        found.append(story)
        if len(found) % 100 == 0:
            yield Progress(doing=f"{len(found):,} stories read", share=len(found) / count)
    if not found:
        raise BadInput(f"the corpus {shown(corpus)} holds no story: {report.in_words()}")
    return FirstStories(
        corpus=corpus,
        fingerprint=source.fingerprint,
        stories=tuple(found),
        report=report,
        whole=len(found) < count,
    )


@dataclass(frozen=True, kw_only=True)
class WordCount:
    """A word, how often it stands in the stories, and in how many of them."""

    word: str
    count: int
    stories: int


@dataclass(frozen=True, kw_only=True)
class StoryStatistics:
    """Statistics of the first stories of a corpus; of an Instruct record its story is counted alone.

    `lengths` are words of each story. `growth` pairs how many words were read with how many different
    ones had come. `known` is the share of words that a young child knows by `word_list`, names set
    aside, with a bootstrap over stories; `outside` are the commonest that are not on the list. A name
    is a word that never stands in small letters. `once` counts the words that stand there once.
    """

    corpus: str
    word_list: str
    characters: int
    lengths: tuple[int, ...]
    distinct: int
    once: int
    names: int
    known: Interval | None
    growth: tuple[tuple[int, int], ...]
    commonest: tuple[WordCount, ...]
    outside: tuple[WordCount, ...]
    openings: tuple[tuple[str, int], ...]
    report: CleaningReport
    dropped: Mapping[str, Sequence[str]]

    @property
    def words(self) -> int:
        """The number of words."""
        return sum(self.lengths)

    @property
    def top_opening(self) -> Proportion:
        """The share of stories with the most frequent opening."""
        return Proportion(hits=self.openings[0][1] if self.openings else 0, count=len(self.lengths))

    @property
    def words_of_half(self) -> int:
        """How many of the commonest words make up half of the text; at most as many as are kept."""
        half, read = self.words / 2, 0
        for at, one in enumerate(self.commonest, 1):
            read += one.count
            if read >= half:
                return at
        return len(self.commonest)

    def to_json(self) -> dict[str, Any]:
        """Return what the page saves and the command prints."""
        report = self.report
        return {
            "corpus": self.corpus,
            "stories": len(self.lengths),
            "words": self.words,
            "characters": self.characters,
            "lengths": list(self.lengths),
            "distinct_words": self.distinct,
            "words_seen_once": self.once,
            "names": self.names,
            "child_vocabulary": {
                "list": self.word_list,
                "share": None if self.known is None else self.known.to_json(),
                "outside": [vars(one) for one in self.outside],
            },
            "growth": [{"words": words, "distinct": distinct} for words, distinct in self.growth],
            "commonest": [vars(one) for one in self.commonest],
            "openings": [{"opening": text, "stories": count} for text, count in self.openings],
            "cleaning": {
                "read": report.read,
                "kept": report.kept,
                "repaired": report.repaired,
                "truncated": report.truncated,
                "duplicate": report.duplicate,
                "empty": report.empty,
                "dropped": {reason: list(stories) for reason, stories in self.dropped.items()},
            },
        }


def statistics(read: FirstStories, words: ChildWords | None = None) -> StoryStatistics:
    """Count what the stories are made of; `words` is the vocabulary of a child, by default the shipped."""
    words = words or shipped_words()
    counts: Counter[str] = Counter()
    holders: Counter[str] = Counter()
    small: set[str] = set()
    openings: Counter[str] = Counter()
    lengths, growth, of_story = [], [(0, 0)], []
    total, every = 0, max(1, len(read.stories) // GROWTH_POINTS)
    for number, record in enumerate(read.stories, 1):
        found = [word.replace("\u2019", "'") for word in _WORDS.findall(story_of(record))]
        own = Counter(word.lower() for word in found)
        small.update(word for word in found if word == word.lower())
        counts.update(own)
        holders.update(own.keys())
        of_story.append(own)
        lengths.append(len(found))
        total += len(found)
        openings[" ".join(words_in_order(story_of(record))[:OPENING])] += 1
        if number % every == 0 or number == len(read.stories):
            growth.append((total, len(counts)))
    known = {word: words.knows(word) for word in counts}
    names = {word for word, is_known in known.items() if not is_known and word not in small}
    shares = [
        (
            sum(n for word, n in own.items() if known[word]),
            sum(n for word, n in own.items() if word not in names),
        )
        for own in of_story
    ]
    ranked = sorted(counts, key=lambda word: (-counts[word], word))

    def some(chosen: Sequence[str]) -> tuple[WordCount, ...]:
        return tuple(WordCount(word=w, count=counts[w], stories=holders[w]) for w in chosen)

    return StoryStatistics(
        corpus=read.corpus,
        word_list=words.name,
        characters=sum(map(len, read.stories)),
        lengths=tuple(lengths),
        distinct=len(counts),
        once=sum(count == 1 for count in counts.values()),
        names=len(names),
        known=_share(shares),
        growth=tuple(growth),
        commonest=some(ranked[:COMMONEST]),
        outside=some([w for w in ranked if not known[w] and w not in names][:OUTSIDE]),
        openings=tuple(openings.most_common(20)),
        report=read.report,
        dropped=read.report.stories,
    )


def statistics_json(found: StoryStatistics, repeats: Diversity) -> dict[str, Any]:
    """Return what the page saves and the command prints: both, together."""
    return {**found.to_json(), "diversity": repeats.to_json()}


def _share(shares: Sequence[tuple[int, int]]) -> Interval | None:
    """Estimate the share of known words, resampling whole stories; None of nothing."""
    hits, all_ = zip(*shares, strict=True) if shares else ((), ())
    if not sum(all_):
        return None
    found = bootstrap_ratio(np.asarray(hits, dtype=float), np.asarray(all_, dtype=float))
    return found.at((), len(all_))
