"""Mentions of characters in nursery stories, for the protagonist test."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from slm.interp.roles.labelled_words import PLACES
from slm.stories.annotation.labelled import LabelledStory
from slm.stories.annotation.nursery import AnnotatedStory
from slm.stories.nursery import Role

EVERY, FROM = 6, 32
"""Of ordinary words from this token on, one in so many is read; before it, where mentions are, all."""

FIRST_NAMED = "first mention, after “named”"
FIRST_PLAIN = "first mention, otherwise"
LATER = "later mention"
OTHER_NAMED = "another's first mention, after “named”"
OTHER_PLAIN = "another's first mention, otherwise"
ORDINARY = "any other word"
GROUPS = (FIRST_NAMED, FIRST_PLAIN, LATER, OTHER_NAMED, OTHER_PLAIN, ORDINARY)
"""Mentions by name; "the girl" and "her mom" are in none."""


def mentions_of(story: AnnotatedStory) -> LabelledStory:
    """Label the mentions, and some other words, of a nursery story with `GROUPS`."""
    places: list[int] = []
    labels: list[list[bool]] = []
    text, last, ordinary = story.story.text, "", 0
    begins = [at for at, begins in enumerate(story.begins) if begins]
    for at, span in zip(begins, story.story.spans, strict=True):
        word = text[span.start : span.end]
        group = _group(span.role, word, last == "named")
        last = word
        if group == ORDINARY and at >= FROM:
            ordinary += 1
            group = ORDINARY if ordinary % EVERY == 0 else None
        if group is not None:
            places.append(at)
            labels.append([group == name for name in GROUPS])
    return LabelledStory(
        tokens=story.tokens,
        places=tuple(places),
        labels=np.array(labels, dtype=bool).reshape(-1, len(GROUPS)),
    )


def _group(role: Role, word: str, named: bool) -> str | None:
    name = word[0].isupper()
    if role is Role.HERO_FIRST:
        return (FIRST_NAMED if named else FIRST_PLAIN) if name else None
    if role is Role.HERO:
        return LATER if name else None
    if role is Role.OTHER_FIRST:
        return (OTHER_NAMED if named else OTHER_PLAIN) if name else None
    return None if role is Role.OTHER else ORDINARY


@dataclass(frozen=True, kw_only=True, eq=False)
class Mentions:
    """Mentions and other words, story by story: which group, in which story, in which stretch of it."""

    labels: Bool[np.ndarray, "word group"]
    story: Int[np.ndarray, "word"]
    place: Int[np.ndarray, "word"]

    @classmethod
    def of(cls, stories: Sequence[LabelledStory]) -> "Mentions":
        """Collect the mentions of all stories."""
        places = np.concatenate([np.array(one.places, dtype=np.int64) for one in stories])
        return cls(
            labels=np.concatenate([one.labels for one in stories]),
            story=np.repeat(np.arange(len(stories)), [len(one.places) for one in stories]),
            place=np.digitize(places, PLACES),
        )

    def at(self, some: Bool[np.ndarray, "word"]) -> "Mentions":
        """Select words."""
        return Mentions(labels=self.labels[some], story=self.story[some], place=self.place[some])

    def sides(self, high: Sequence[str], low: str) -> "Sides":
        """Return the two sides of a contrast; ordinary words are compared within their place."""
        positive = np.any(self.labels[:, [GROUPS.index(group) for group in high]], axis=1)
        there = positive | self.labels[:, GROUPS.index(low)]
        strata = self.place if low == ORDINARY else np.zeros_like(self.place)
        return Sides(
            there=there,
            positive=positive[there],
            strata=strata[there],
            story=self.story[there],
            groups=(self.story * (len(PLACES) + 1) + self.place)[there],
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Sides:
    """Words that are compared: where `there` is, those that are `positive` with the others."""

    there: Bool[np.ndarray, "all"]
    positive: Bool[np.ndarray, "word"]
    strata: Int[np.ndarray, "word"]
    story: Int[np.ndarray, "word"]
    groups: Int[np.ndarray, "word"]
