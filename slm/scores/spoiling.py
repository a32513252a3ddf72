"""Spoiled stories: what each measure must see, and what it must not move on."""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from slm.progress import Progress, Steps
from slm.runs import Checkpoint
from slm.scores.score import MEASURES, ScoreMeasure, StoryScores, score_stories
from slm.scores.texts import CompletedStory, sentence_ends
from slm.stats.bootstrap import bootstrap_ratio
from slm.stats.interval import Interval

_WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")
_NAME = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]+")
STRANGERS = ("Nora", "Felix", "Greta", "Oscar", "Hilda", "Bruno")


def words_swapped(stories: Sequence[CompletedStory], share: float) -> list[CompletedStory]:
    """Swap that share of neighbouring words of each completion."""
    return [_swapped(story, share, random.Random(at)) for at, story in enumerate(stories)]


def _swapped(story: CompletedStory, share: float, draw: random.Random) -> CompletedStory:
    found = list(_WORD.finditer(story.completion))
    count = max(1, round(share * len(found)))
    chosen = draw.sample(range(0, len(found) - 1, 2), min(count, len(found) // 2))
    text = list(story.completion)
    parts, at = [], 0
    for place in sorted(chosen):
        one, other = found[place], found[place + 1]
        between = story.completion[one.end() : other.start()]
        parts += ["".join(text[at : one.start()]), other[0], between, one[0]]
        at = other.end()
    return replace(story, completion="".join([*parts, *text[at:]]))


def names_exchanged(stories: Sequence[CompletedStory]) -> list[CompletedStory]:
    """Give everybody another name in the second half of each story."""
    return [_exchanged(story) for story in stories]


def _exchanged(story: CompletedStory) -> CompletedStory:
    names = list(dict.fromkeys(_NAME.findall(story.text)))
    instead = dict(zip(names, STRANGERS, strict=False))
    ends = sentence_ends(story.completion)
    middle = ends[len(ends) // 2] if ends else 0
    second = re.sub(
        r"[A-Z][a-z]+", lambda word: instead.get(word[0], word[0]), story.completion[middle:]
    )
    return replace(story, completion=story.completion[:middle] + second)


def endings_exchanged(stories: Sequence[CompletedStory]) -> list[CompletedStory]:
    """Give each story the second half of the next one."""
    halves = [_halves(story) for story in stories]
    following = [*halves[1:], halves[0]]
    return [
        replace(story, completion=first + other)
        for story, (first, _), (_, other) in zip(stories, halves, following, strict=True)
    ]


def endings_told_twice(stories: Sequence[CompletedStory]) -> list[CompletedStory]:
    """Give every fourth story the second half of the one before it."""
    halves = [_halves(story) for story in stories]
    return [
        replace(story, completion=halves[at][0] + halves[at - 1][1]) if at % 4 == 3 else story
        for at, story in enumerate(stories)
    ]


def said_twice(stories: Sequence[CompletedStory]) -> list[CompletedStory]:
    """Say each story's completion twice."""
    return [
        replace(story, completion=f"{story.completion} {story.completion.strip()}")
        for story in stories
    ]


def sentences_joined(stories: Sequence[CompletedStory]) -> list[CompletedStory]:
    """Join every two sentences by "and"."""
    return [replace(story, completion=_joined(story.completion)) for story in stories]


def _joined(text: str) -> str:
    count = 0

    def join(end: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return f" and {end[1].lower()}" if count % 2 else end[0]

    return re.sub(r"\.\s+([A-Z])", join, text)


def _halves(story: CompletedStory) -> tuple[str, str]:
    ends = sentence_ends(story.completion)
    at = ends[len(ends) // 2 - 1] if len(ends) > 1 else len(story.completion)
    return story.completion[:at], story.completion[at:]


Spoil = Callable[[Sequence[CompletedStory]], list[CompletedStory]]
SPOILINGS: dict[str, tuple[Spoil, tuple[ScoreMeasure, ...]]] = {
    "1 % of words swapped": (lambda s: words_swapped(s, 0.01), ("grammar",)),
    "2 % of words swapped": (lambda s: words_swapped(s, 0.02), ("grammar",)),
    "5 % of words swapped": (lambda s: words_swapped(s, 0.05), ("grammar",)),
    "10 % of words swapped": (lambda s: words_swapped(s, 0.1), ("grammar",)),
    "names exchanged": (names_exchanged, ("consistency",)),
    "another story's ending": (endings_exchanged, ("consistency",)),
    "every fourth ending told twice": (endings_told_twice, ("creativity", "consistency")),
    "each story said twice": (said_twice, ("creativity",)),
    "sentences joined": (sentences_joined, ("age",)),
}
"""Each spoiling, and the measures whose business it is."""


@dataclass(frozen=True, kw_only=True)
class SpoiledScores:
    """What a spoiling changes of each measure: spoiled minus whole, paired by story."""

    spoiling: str
    business: tuple[ScoreMeasure, ...]
    change: dict[ScoreMeasure, Interval]

    def sees(self, measure: ScoreMeasure) -> bool:
        """Return whether the interval of the change leaves out 0."""
        low, high = self.change[measure].whiskers
        return low > 0 or high < 0

    def to_json(self) -> dict[str, Any]:
        """Return the changes with their intervals, and which are seen."""
        return {
            "spoiling": self.spoiling,
            "business": list(self.business),
            "change": {
                name: one.to_json() | {"sees": self.sees(name)} for name, one in self.change.items()
            },
        }


@dataclass(frozen=True, kw_only=True)
class ScoreChecks:
    """The scores of the shipped stories, and what each spoiling changes of them."""

    people: StoryScores
    spoiled: tuple[SpoiledScores, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the shipped stories' scores, and each spoiling."""
        return {
            "shipped_stories": self.people.to_json(),
            "spoiled": [one.to_json() for one in self.spoiled],
        }


def score_checks(stories: Sequence[CompletedStory], reference: Checkpoint) -> Steps[ScoreChecks]:
    """Measure stories whole and spoiled in each way."""
    yield Progress(share=0.0, doing="Measuring the shipped stories")
    whole = score_stories(stories, reference)
    found = []
    for number, (name, (spoil, business)) in enumerate(SPOILINGS.items()):
        yield Progress(share=(number + 1) / (1 + len(SPOILINGS)), doing=f"Spoiling: {name}")
        other = score_stories(spoil(stories), reference)
        change = {measure: change_of(measure, whole, other) for measure in MEASURES}
        found.append(SpoiledScores(spoiling=name, business=business, change=change))
    return ScoreChecks(people=whole, spoiled=tuple(found))


def change_of(measure: ScoreMeasure, whole: StoryScores, other: StoryScores) -> Interval:
    """Estimate the other's measure minus the whole's, resampling the same openings on both sides."""
    (above, below), (above2, below2) = whole.values(measure), other.values(measure)
    both = (below > 0) & (below2 > 0)
    before = np.divide(above, below, out=np.zeros_like(above), where=both)
    after = np.divide(above2, below2, out=np.zeros_like(above), where=both)
    found = bootstrap_ratio(np.where(both, after - before, 0.0), both.astype(float))
    return found.at((), int(both.sum()))
