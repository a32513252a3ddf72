"""Is it copying? Stories cut short, completed by the model, and laid beside what it was trained on.

The four measures are those of the TinyStories paper (section 4.3 there); every one of them is taken
of stories that the model was trained on and of stories that it never saw. Only the difference says
anything: endings written by people share bigrams with a corpus as well.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from jaxtyping import Float, UInt8

from slm.errors import BadInput
from slm.judging.copies import Copy, CopyIndex, copies
from slm.judging.overlap import f_measure, grams, precision, words
from slm.runs import Checkpoint
from slm.writing.sampler import Sampling, complete

KEPT = 0.4
"""How much of a story is left standing, as the paper has it."""
KS = tuple(range(1, 9))
SHORTEST_COPY = 8
"""Words of a copy that is worth showing."""
RESAMPLES = 1000


@dataclass(frozen=True, kw_only=True)
class Ending:
    """A story cut short, and one way it goes on: the model's or the true one."""

    story: str
    beginning: str
    text: str

    @property
    def words(self) -> list[str]:
        """The words of the ending."""
        return [word.text for word in words(self.text)]

    @property
    def truth(self) -> list[str]:
        """The words of the true ending."""
        return [word.text for word in words(self.story[len(self.beginning) :])]


@dataclass(frozen=True, kw_only=True, eq=False)
class Measures:
    """What endings share with the truth, with each other and with the corpus; an item an ending.

    `truth[k]` is (a), Rouge-k precision against the true ending; `each_other` (b), the largest
    Rouge-2 f-measure to another ending here; `seen[k]` (c), the share of the ending's k-grams that
    stand in the corpus; `one_story` (d), the largest Rouge-2 precision against any one story of the
    corpus; `longest` the words of the longest copy. None where an ending is too short to say.
    """

    truth: dict[int, list[float | None]]
    each_other: list[float | None]
    seen: dict[int, list[float | None]]
    one_story: list[float | None]
    longest: list[int]
    copies: list[list[Copy]]


def cut(story: str, kept: float = KEPT) -> str:
    """The first words of a story, `kept` of them (at least one), with what stands between them."""
    found = words(story)
    if len(found) < 2:
        raise BadInput(f"a story to be cut needs at least 2 words, not {len(found)}")
    return story[: found[max(1, round(kept * len(found))) - 1].stop]


def choose(stories: Sequence[str], count: int, seed: int = 0) -> list[str]:
    """Some stories, the same for the same seed; all of them where there are no more."""
    able = [story for story in stories if len(words(story)) >= 10]
    return random.Random(seed).sample(able, min(count, len(able)))


def complete_all(
    checkpoint: Checkpoint, stories: Sequence[str], sampling: Sampling
) -> list[Ending]:
    """Cut stories short and let the model go on."""
    beginnings = [cut(story) for story in stories]
    written = complete(checkpoint, beginnings, sampling)
    return [
        Ending(story=story, beginning=beginning, text=completion.text)
        for story, beginning, completion in zip(stories, beginnings, written, strict=True)
    ]


def true_endings(stories: Sequence[str]) -> list[Ending]:
    """Stories cut short, going on as they do."""
    beginnings = [cut(story) for story in stories]
    return [
        Ending(story=story, beginning=beginning, text=story[len(beginning) :])
        for story, beginning in zip(stories, beginnings, strict=True)
    ]


def measure(
    endings: Sequence[Ending], index: CopyIndex, *, leave_out: Iterable[str] = ()
) -> Measures:
    """Take all measures against a corpus. Stories in `leave_out` do not count as part of it in (d)."""
    texts = [ending.words for ending in endings]
    matches = [index.matches(text) for text in texts]
    found = [copies(match, SHORTEST_COPY) for match in matches]
    return Measures(
        truth={
            k: [
                precision(text, ending.truth, k)
                for text, ending in zip(texts, endings, strict=True)
            ]
            for k in KS
        },
        each_other=[
            max(
                (f for j, other in enumerate(texts) if i != j and (f := f_measure(text, other, 2))),
                default=0.0,
            )
            for i, text in enumerate(texts)
        ],
        seen={k: [_seen(match, k) for match in matches] for k in KS},
        one_story=_most_of_one_story(texts, index, set(leave_out)),
        longest=[max(map(len, match), default=0) for match in matches],
        copies=found,
    )


def _seen(matches: Sequence[Copy], k: int) -> float | None:
    """The share of a text's k-grams that stand anywhere in the corpus."""
    there = [len(match) >= k for match in matches[: max(0, len(matches) - k + 1)]]
    return fmean(there) if there else None


def _most_of_one_story(
    texts: Sequence[Sequence[str]], index: CopyIndex, leave_out: set[str]
) -> list[float | None]:
    """Each text's largest Rouge-2 precision against any one story, over all stories there are.

    A bigram that a text has twice is two things to be found: the bigram, and the bigram again. So a
    story's overlap with every text is the sum of some rows of one table, and the whole corpus is
    read once.
    """
    rows: dict[tuple[tuple[str, ...], int], int] = {}
    for text in texts:
        for gram, times in grams(text, 2).items():
            for again in range(times):
                rows.setdefault((gram, again), len(rows))
    table: UInt8[np.ndarray, "row text"] = np.zeros((len(rows), len(texts)), dtype=np.uint8)
    for column, text in enumerate(texts):
        for gram, times in grams(text, 2).items():
            table[[rows[gram, again] for again in range(times)], column] = 1
    best = np.zeros(len(texts), dtype=np.int64)
    for story in index.stories():
        if story in leave_out:
            continue
        found = grams([word.text for word in words(story)], 2)
        there = [
            row
            for gram, times in found.items()
            for again in range(times)
            if (row := rows.get((gram, again))) is not None
        ]
        if there:
            np.maximum(best, table[there].sum(0, dtype=np.int64), out=best)
    totals = table.sum(0, dtype=np.int64)
    return [int(b) / int(t) if t else None for b, t in zip(best, totals, strict=True)]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over endings, with its 95 % interval."""

    mean: float
    interval: tuple[float, float]
    count: int


def estimate(values: Iterable[float | None], seed: int = 0) -> Estimate | None:
    """The mean, with a bootstrap over endings (percentiles of 1,000 resamples); None of nothing."""
    known = np.array([value for value in values if value is not None], dtype=float)
    if not len(known):
        return None
    draw = np.random.default_rng(seed)
    means: Float[np.ndarray, "resample"] = known[
        draw.integers(len(known), size=(RESAMPLES, len(known)))
    ].mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Estimate(mean=fmean(known), interval=(float(low), float(high)), count=len(known))
