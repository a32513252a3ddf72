"""Is it copying? Stories cut short, completed by the model, and laid beside what it was trained on.

The four measures are those of the TinyStories paper (section 4.3 there); every one of them is taken
of stories that the model was trained on and of stories that it never saw. Only the difference says
anything: endings written by people share bigrams with a corpus as well.
"""

import random
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from statistics import fmean

import numpy as np
from jaxtyping import UInt8

from slm.errors import BadInput
from slm.generation.sampler import Sampling, complete
from slm.memorization.rouge import f_measure, grams, precision, words
from slm.memorization.suffix_index import Copy, CopyIndex, copies
from slm.memorization.templates import Template, most_alike
from slm.progress import Progress
from slm.runs import Checkpoint
from slm.seeds import derived_seed
from slm.stats.means import RESAMPLES, Estimate

KEPT = 0.4
"""How much of a story is left standing, as the paper has it."""
KS = tuple(range(1, 9))
SHORTEST_COPY = 8
"""Words of a copy that is worth showing."""
SHORTEST_STORY = 10
"""Words of a story that can be cut."""
SHORTEST_ENDING = 8
"""Tokens that a model must have room for after a beginning."""
MATTERS = 0.02
"""Of the true ending (Rouge-2 precision), what it would matter to copy more where it was trained: about
a fifth of what small models write of true endings that they never saw."""
ENOUGH = 400
"""Stories of each kind that see a difference half as large as what matters."""
AT_ONCE = 16
"""Stories that are ended together, between two signs of progress."""


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
    `templates` are the stories most like each ending, names and places masked.
    """

    truth: dict[int, list[float | None]]
    each_other: list[float | None]
    seen: dict[int, list[float | None]]
    one_story: list[float | None]
    longest: list[int]
    copies: list[list[Copy]]
    templates: list[Template | None]


def cut(story: str, kept: float = KEPT) -> str:
    """The first words of a story, `kept` of them (at least one), with what stands between them."""
    found = words(story)
    if len(found) < 2:
        raise BadInput(f"a story to be cut needs at least 2 words, not {len(found)}")
    return story[: found[max(1, round(kept * len(found))) - 1].stop]


def can_end(checkpoint: Checkpoint, story: str) -> bool:
    """Whether a story is long enough to be cut, and what is left leaves the model room for an ending."""
    if len(words(story)) < SHORTEST_STORY:
        return False
    left = len(checkpoint.tokenizer.encode_story(cut(story)))
    return left + SHORTEST_ENDING <= checkpoint.config.n_ctx


def choose(index: CopyIndex, readers: Sequence[Checkpoint], count: int, seed: int = 0) -> list[str]:
    """Some stories of a corpus that every reader can end, the same for the same seed.

    Raises `BadInput` where there is none.
    """
    order = random.Random(seed).sample(range(len(index)), len(index))
    return _some((index.story(number) for number in order), readers, count)


def _some(stories: Iterable[str], readers: Sequence[Checkpoint], count: int) -> list[str]:
    """The first of the stories that every reader can end."""
    able = (one for one in stories if all(can_end(reader, one) for reader in readers))
    if chosen := list(islice(able, count)):
        return chosen
    context = min(reader.config.n_ctx for reader in readers)
    raise BadInput(
        f"a story to be cut needs at least {SHORTEST_STORY} words, and its first {KEPT:.0%} must leave "
        f"{SHORTEST_ENDING} tokens of a context of {context}: none is so"
    )


def complete_all(
    checkpoint: Checkpoint,
    stories: Sequence[str],
    sampling: Sampling,
    *,
    doing: str = "Ending stories",
    share: tuple[float, float] = (0.0, 1.0),
) -> Generator[Progress, None, list[Ending]]:
    """Cut stories short and let the model go on; this is so much of the whole work (from, to).

    Every `AT_ONCE` stories draw from a seed of their own.
    """
    endings: list[Ending] = []
    yield Progress(doing=doing, share=share[0])
    for number, first in enumerate(range(0, len(stories), AT_ONCE)):
        these = stories[first : first + AT_ONCE]
        beginnings = [cut(story) for story in these]
        own = replace(sampling, seed=derived_seed(sampling.seed * 1009 + number))
        endings += [
            Ending(story=story, beginning=beginning, text=completion.text)
            for story, beginning, completion in zip(
                these, beginnings, complete(checkpoint, beginnings, own), strict=True
            )
        ]
        done = len(endings) / len(stories)
        yield Progress(doing=doing, share=share[0] + done * (share[1] - share[0]))
    return endings


def true_endings(stories: Sequence[str]) -> list[Ending]:
    """Stories cut short, going on as they do."""
    beginnings = [cut(story) for story in stories]
    return [
        Ending(story=story, beginning=beginning, text=story[len(beginning) :])
        for story, beginning in zip(stories, beginnings, strict=True)
    ]


def measure(endings: Sequence[Ending], index: CopyIndex, masked: CopyIndex) -> Measures:
    """Take all measures against a corpus: its index of words as they are, and of masked ones."""
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
        one_story=_most_of_one_story(texts, index),
        longest=[max(map(len, match), default=0) for match in matches],
        copies=found,
        templates=[most_alike(ending.text, masked) for ending in endings],
    )


def _seen(matches: Sequence[Copy], k: int) -> float | None:
    """The share of a text's k-grams that stand anywhere in the corpus."""
    there = [len(match) >= k for match in matches[: max(0, len(matches) - k + 1)]]
    return fmean(there) if there else None


def _most_of_one_story(texts: Sequence[Sequence[str]], index: CopyIndex) -> list[float | None]:
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


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """One model's endings of stories it was trained on and of stories it never saw, and people's.

    `trained` and `unseen` are the model's own endings, `people` the true endings of the unseen.
    """

    endings: dict[str, list[Ending]]
    measures: dict[str, Measures]

    def verdict(self) -> str:
        """In a sentence: does it copy more where it was trained, no more than a little, or who can tell?

        What could have been seen is always said; where an interval reaches beyond `MATTERS`, that no
        difference was seen says nothing.
        """
        more = self.more_than_unseen()
        low, high = more.interval
        if low > 0:
            said = "It writes more of the true ending where it was trained on the story"
        elif not more.detectable:
            return (
                "Whether it writes more of the true ending where it was trained on the story cannot be "
                f"told: all {more.count} endings of each kind share as much with the true one "
                f"({more.mean:+.3f})."
            )
        elif high < MATTERS:
            said = (
                "It writes no more of the true ending where it was trained on the story than "
                f"{max(high, 0):.3f}"
            )
        else:
            said = (
                "Whether it writes more of the true ending where it was trained on the story cannot be "
                f"told: a difference below {more.detectable:.3f} would not have been seen"
            )
        return (
            f"{said}. Rouge-2 precision, trained less unseen: {more.mean:+.3f} (95 % between {low:+.3f} "
            f"and {high:+.3f}); {more.count} stories of each kind see a difference of "
            f"{more.detectable:.3f} four times in five."
        )

    def more_than_unseen(self, k: int = 2) -> Estimate:
        """How much more of the true ending it writes where it was trained on it: (a), trained - unseen.

        The interval is a bootstrap over the endings of both kinds.
        """
        sides = [
            np.array([value for value in self.measures[kind].truth[k] if value is not None])
            for kind in ("trained", "unseen")
        ]
        if not all(map(len, sides)):
            raise BadInput(f"no ending is long enough to hold {k} words")
        draw = np.random.default_rng(0)
        means = [
            side[draw.integers(len(side), size=(RESAMPLES, len(side)))].mean(1) for side in sides
        ]
        low, high = np.quantile(means[0] - means[1], (0.025, 0.975))
        return Estimate(
            mean=float(sides[0].mean() - sides[1].mean()),
            interval=(float(low), float(high)),
            count=min(map(len, sides)),
        )


def study(
    checkpoint: Checkpoint,
    index: CopyIndex,
    masked: CopyIndex,
    unseen: Sequence[str],
    *,
    stories: int,
    sampling: Sampling,
) -> Generator[Progress, None, Study]:
    """Let the model end `stories` stories of the corpus and as many that it never saw.

    Raises `BadInput` where one of these stands in the corpus word for word, or none can be ended.
    """
    trained = choose(index, [checkpoint], stories, sampling.seed)
    others = choose_unseen(unseen, index, [checkpoint], stories, sampling.seed)
    endings: dict[str, list[Ending]] = {}
    endings["trained"] = yield from complete_all(
        checkpoint, trained, sampling, doing="Ending stories it was trained on", share=(0.0, 0.35)
    )
    endings["unseen"] = yield from complete_all(
        checkpoint, others, sampling, doing="Ending stories it never saw", share=(0.35, 0.7)
    )
    endings["people"] = true_endings(others)
    measures: dict[str, Measures] = {}
    for number, (kind, written) in enumerate(endings.items()):
        yield Progress(doing="Looking for copies", share=0.7 + 0.1 * number)
        measures[kind] = measure(written, index, masked)
    return Study(endings=endings, measures=measures)


def choose_unseen(
    unseen: Sequence[str],
    index: CopyIndex,
    readers: Sequence[Checkpoint],
    count: int,
    seed: int = 0,
) -> list[str]:
    """Some of the stories that the readers never saw and can end, the same for the same seed.

    Raises `BadInput` where one of them stands in the corpus, or none can be ended.
    """
    chosen = _some(random.Random(seed).sample(unseen, len(unseen)), readers, count)
    for story in chosen:
        if index.count([word.text for word in words(story)]):
            raise BadInput(f"the unseen stories must not stand in the corpus: {story[:60]!r} does")
    return chosen
