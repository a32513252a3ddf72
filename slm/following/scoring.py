"""Scores of following: what was kept of requests, beside the same stories scored for other requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from slm.following.requests import MEASURES, ReadStory, Request
from slm.stats.bootstrap import bootstrap_mean, bootstrap_ratio
from slm.stats.interval import Interval
from slm.stats.proportions import Proportion
from slm.stories.nursery.requested import RECORD_NAMES

OTHERS = 20
"""Other requests that each story is scored for, to find chance."""


@dataclass(frozen=True, kw_only=True)
class KeptShare:
    """What was kept of each request that asks for something of one measure.

    Of request i, `hits[i]` of `asked[i]` things were in its story, and `by_chance[i]` (a mean) of what
    other requests asked for, out of `others[i]`.
    """

    hits: tuple[int, ...]
    asked: tuple[int, ...]
    by_chance: tuple[float, ...]
    others: tuple[float, ...]

    @cached_property
    def share(self) -> Interval:
        """The share of things kept, resampling requests."""
        return _ratio(self.hits, self.asked)

    @cached_property
    def chance(self) -> Interval:
        """The share of what others asked for."""
        return _ratio(self.by_chance, self.others)

    @cached_property
    def gain(self) -> Interval:
        """The mean over requests of the share kept less the share by chance of the same story."""
        own = np.divide(self.hits, self.asked) if self.hits else np.empty(0)
        other = np.divide(self.by_chance, self.others) if self.hits else np.empty(0)
        return _mean(own - other)

    def to_json(self) -> dict[str, Any]:
        """Return the share with its interval and chance, and what is gained over chance."""
        low, high = self.share.bounds or (None, None)
        gained = self.gain.bounds or (None, None)
        return {
            "mean": _known(self.share.mean),
            "interval": [low, high],
            "chance": _known(self.chance.mean),
            "gain": {"mean": _known(self.gain.mean), "interval": list(gained)},
            "requests": len(self.hits),
        }


@dataclass(frozen=True, kw_only=True)
class FeatureUse:
    """How often stories have a feature: of requests that name it, and of those that name others only."""

    feature: str
    asked: int
    had: int
    unasked: int
    had_unasked: int

    @property
    def when_asked(self) -> Interval | None:
        """The share of stories with it where it was asked for; None where it never was."""
        return Proportion(hits=self.had, count=self.asked).interval if self.asked else None

    @property
    def when_not(self) -> Interval | None:
        """The share of stories with it where other features were asked for."""
        return (
            Proportion(hits=self.had_unasked, count=self.unasked).interval if self.unasked else None
        )

    def to_json(self) -> dict[str, Any]:
        """Return both shares."""
        return {
            "feature": self.feature,
            "asked": None if self.when_asked is None else self.when_asked.to_json(),
            "not_asked": None if self.when_not is None else self.when_not.to_json(),
        }


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Everything that is scored of one set of requests."""

    words: KeptShare
    features: KeptShare
    sentence: KeptShare
    summary: KeptShare
    by_feature: tuple[FeatureUse, ...]

    @property
    def by_measure(self) -> dict[str, KeptShare]:
        """The scores by their measure."""
        return {name: getattr(self, name) for name in MEASURES}

    def to_json(self) -> dict[str, Any]:
        """Return the scores by measure, and the use of each feature."""
        return {
            **{name: one.to_json() for name, one in self.by_measure.items()},
            "by_feature": [one.to_json() for one in self.by_feature],
        }


def score(requests: Sequence[Request], stories: Sequence[str]) -> Scores:
    """Score each story for its request, and for others to find chance."""
    read = [ReadStory(text) for text in stories]
    kept = {name: _kept(name, requests, read) for name in MEASURES}
    return Scores(**kept, by_feature=_by_feature(requests, read))


def _kept(measure: str, requests: Sequence[Request], stories: Sequence[ReadStory]) -> KeptShare:
    """Score one measure: stories whose request asks for nothing of it are left out."""
    asking = [
        (request.asked[measure], story)
        for request, story in zip(requests, stories, strict=True)
        if request.asked[measure]
    ]
    hits, asked, chance, others = list[int](), list[int](), list[float](), list[float]()
    for index, (mine, story) in enumerate(asking):
        hits.append(sum(story.kept(measure, mine)))
        asked.append(len(mine))
        reach = min(OTHERS, len(asking) - 1)
        theirs = [asking[(index + step) % len(asking)][0] for step in range(1, reach + 1)]
        found = [sum(story.kept(measure, other)) for other in theirs]
        chance.append(sum(found) / len(theirs) if theirs else 0.0)
        others.append(sum(map(len, theirs)) / len(theirs) if theirs else float(len(mine)))
    return KeptShare(
        hits=tuple(hits), asked=tuple(asked), by_chance=tuple(chance), others=tuple(others)
    )


def _by_feature(
    requests: Sequence[Request], stories: Sequence[ReadStory]
) -> tuple[FeatureUse, ...]:
    named = [
        (request.asked["features"], story)
        for request, story in zip(requests, stories, strict=True)
        if request.asked["features"]
    ]
    found = []
    for feature, name in RECORD_NAMES.items():
        asked = [feature in story.features for names, story in named if name in names]
        other = [feature in story.features for names, story in named if name not in names]
        found.append(
            FeatureUse(
                feature=name,
                asked=len(asked),
                had=sum(asked),
                unasked=len(other),
                had_unasked=sum(other),
            )
        )
    return tuple(found)


def difference(one: KeptShare, other: KeptShare) -> Interval:
    """Estimate how much more of the same requests is kept by one model than by another.

    The mean over requests of the difference of shares, resampling requests.
    """
    if one.asked != other.asked:
        raise ValueError("two models are compared on the same requests")
    return _mean(np.divide(one.hits, one.asked) - np.divide(other.hits, other.asked))


def mean_difference(values: Sequence[bool], others: Sequence[bool]) -> Interval:
    """Estimate the mean difference of two outcomes for the same stories, resampling stories."""
    return _mean(np.asarray(values, dtype=float) - np.asarray(others, dtype=float))


def _ratio(hits: Sequence[float | int], asked: Sequence[float | int]) -> Interval:
    if not asked:
        return Interval(mean=np.nan, low=np.nan, high=np.nan, n=0)
    return bootstrap_ratio(np.asarray(hits), np.asarray(asked)).at((), len(asked))


def _mean(values: np.ndarray) -> Interval:
    if not len(values):
        return Interval(mean=np.nan, low=np.nan, high=np.nan, n=0)
    return bootstrap_mean(values)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
