"""How much a set of stories repeats itself: distinct n-grams, openings, the nearest pairs.

Distinct-n is that of Li and others (2016). It falls as a set grows, so sets are compared at the same
number of stories.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slm.stats.bootstrap import bootstrap_mean
from slm.stats.interval import Interval
from slm.stats.proportions import Proportion
from slm.stories.search import words_in_order

N = 4
OPENING = 4
"""Words of a story that are its opening."""
COMMON = 50
"""A 4-gram that stands in more stories than this says nothing of two of them."""
PAIRS = 5


@dataclass(frozen=True, kw_only=True)
class NearPair:
    """Two stories by number, and the share of their 4-grams that both have (Jaccard index)."""

    one: int
    other: int
    overlap: float


@dataclass(frozen=True, kw_only=True)
class Diversity:
    """What a set of stories repeats.

    `distinct` is the share of distinct 4-grams among all; `nearest` the mean over stories of the
    largest overlap with another story, with a bootstrap interval; `openings` the most frequent first
    words with the number of stories that begin so, `same_opening` the share of the most frequent.
    """

    stories: int
    distinct: float | None
    distinct_words: int
    nearest: Interval | None
    same_opening: Proportion
    openings: tuple[tuple[str, int], ...]
    pairs: tuple[NearPair, ...]

    def to_json(self) -> dict[str, Any]:
        """Return what the page saves and the command prints."""
        return {
            "stories": self.stories,
            "distinct_4_grams": self.distinct,
            "distinct_words": self.distinct_words,
            "nearest_overlap": None if self.nearest is None else self.nearest.to_json(),
            "same_opening": self.same_opening.to_json(),
            "openings": [{"opening": text, "stories": n} for text, n in self.openings],
            "nearest_pairs": [
                {"one": pair.one, "other": pair.other, "overlap": pair.overlap}
                for pair in self.pairs
            ],
        }


def diversity(stories: Sequence[str]) -> Diversity:
    """Measure how much some stories repeat themselves and each other."""
    texts = [words_in_order(story) for story in stories]
    grams = [
        set(zip(*(words[first:] for first in range(N)), strict=False)) if len(words) >= N else set()
        for words in texts
    ]
    total = sum(max(0, len(words) - N + 1) for words in texts)
    openings = Counter(" ".join(words[:OPENING]) for words in texts if words)
    nearest, pairs = _nearest(grams)
    top = openings.most_common(1)[0][1] if openings else 0
    return Diversity(
        stories=len(stories),
        distinct=len(set().union(*grams)) / total if total else None,
        distinct_words=len({word for words in texts for word in words}),
        nearest=bootstrap_mean(nearest) if nearest else None,
        same_opening=Proportion(hits=top, count=len(stories)),
        openings=tuple(openings.most_common(20)),
        pairs=pairs,
    )


def _nearest(grams: Sequence[set[Any]]) -> tuple[list[float], tuple[NearPair, ...]]:
    """Return each story's largest overlap with another, and the pairs with the largest."""
    holders: dict[Any, list[int]] = defaultdict(list)
    for number, own in enumerate(grams):
        for gram in own:
            holders[gram].append(number)
    shared: Counter[tuple[int, int]] = Counter()
    for numbers in holders.values():
        if 1 < len(numbers) <= COMMON:
            for at, one in enumerate(numbers):
                for other in numbers[at + 1 :]:
                    shared[one, other] += 1
    best = [0.0] * len(grams)
    pairs = []
    for (one, other), both in shared.items():
        overlap = both / (len(grams[one]) + len(grams[other]) - both)
        best[one], best[other] = max(best[one], overlap), max(best[other], overlap)
        pairs.append(NearPair(one=one, other=other, overlap=overlap))
    pairs.sort(key=lambda pair: (-pair.overlap, pair.one, pair.other))
    return best, tuple(pairs[:PAIRS])
