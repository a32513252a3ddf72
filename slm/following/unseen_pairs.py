"""Out of distribution: requests of a pair of fields that no training record held, beside pairs it saw.

The same held-out stories are asked for in several ways. What is looked for is what only one field of
a request tells: of Words the verb (the summary names the thing and often how it looks), of Summary the
two people. So neither field helps to keep the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from slm.following.requests import ReadStory, Request, held_out_stories, request_of
from slm.following.scoring import mean_difference
from slm.stats.bootstrap import bootstrap_mean
from slm.stats.interval import Interval
from slm.stories.nursery.requested import RequestedStory

Part = Literal["verb", "people"]
PARTS: dict[Part, str] = {"verb": "Words", "people": "Summary"}
"""What is looked for, and the field that tells it."""
UNSEEN = ("Words", "Summary")
ALONE: dict[Part, tuple[str, ...]] = {"verb": ("Words",), "people": ("Summary",)}
SEEN: dict[Part, tuple[str, ...]] = {
    "verb": ("Words", "Features"),
    "people": ("Features", "Summary"),
}
WAYS = tuple(dict.fromkeys([*ALONE.values(), *SEEN.values(), UNSEEN]))
"""The sets of fields that each story is asked for with."""


@dataclass(frozen=True, kw_only=True)
class PartKept:
    """Whether a part was kept, story by story: with its field alone, in a seen pair, in the unseen one.

    `by_chance` tells whether the story written for the unseen pair holds the part of another request.
    """

    alone: tuple[bool, ...]
    seen: tuple[bool, ...]
    unseen: tuple[bool, ...]
    by_chance: tuple[bool, ...]

    @cached_property
    def difference(self) -> Interval:
        """How much more is kept in the unseen pair than in the seen one, for the same stories."""
        return mean_difference(self.unseen, self.seen)

    @cached_property
    def gain(self) -> Interval:
        """How much more is kept in the unseen pair than by chance."""
        return mean_difference(self.unseen, self.by_chance)

    @property
    def verdict(self) -> str:
        """What the difference shows, where the unseen pair is followed at all."""
        difference = self.difference
        if difference.bounds is None:
            return "cannot be told"
        if difference.high < 0:
            return "followed worse than a pair it saw"
        if not self.gain.low > 0:
            return "not followed more than by chance"
        if difference.low > 0:
            return "followed better than a pair it saw"
        return (
            "no difference from a pair it saw "
            f"(one of {difference.detectable:.2f} would be seen four times in five)"
        )

    @cached_property
    def shares(self) -> dict[str, Interval]:
        """The share of stories in which it was kept, by way."""
        return {
            name: bootstrap_mean([float(one) for one in getattr(self, name)])
            for name in ("alone", "seen", "unseen", "by_chance")
        }

    def to_json(self) -> dict[str, Any]:
        """Return the shares and the difference, with intervals, and the verdict."""
        shares = {name: one.to_json() for name, one in self.shares.items()}
        return {**shares, "difference": self.difference.to_json(), "verdict": self.verdict}


@dataclass(frozen=True, kw_only=True)
class UnseenPair:
    """How the two parts were kept."""

    verb: PartKept
    people: PartKept

    @property
    def by_part(self) -> dict[Part, PartKept]:
        """What was kept, by part."""
        return {"verb": self.verb, "people": self.people}

    def to_json(self) -> dict[str, Any]:
        """Return both parts."""
        return {name: one.to_json() for name, one in self.by_part.items()}


def unseen_stories(number: int) -> list[RequestedStory]:
    """Return the first held-out stories that have a feature to ask for."""
    spare = held_out_stories(number + number // 5 + 20)
    return [story for story in spare if story.features][:number]


def requests_of_ways(stories: Sequence[RequestedStory]) -> list[Request]:
    """Return the requests of all ways, one way after the other."""
    return [request_of(story, fields) for fields in WAYS for story in stories]


def score_ways(stories: Sequence[RequestedStory], written: Sequence[str]) -> UnseenPair:
    """Score what was written for `requests_of_ways`."""
    read = [ReadStory(text) for text in written]
    by_way = {
        fields: read[at * len(stories) : (at + 1) * len(stories)] for at, fields in enumerate(WAYS)
    }

    def kept(part: Part, fields: tuple[str, ...]) -> tuple[bool, ...]:
        return tuple(
            _has(part, story, one) for story, one in zip(stories, by_way[fields], strict=True)
        )

    parts = {
        part: PartKept(
            alone=kept(part, ALONE[part]),
            seen=kept(part, SEEN[part]),
            unseen=kept(part, UNSEEN),
            by_chance=tuple(
                _has(part, other, one)
                for other, one in zip((*stories[1:], *stories[:1]), by_way[UNSEEN], strict=True)
            ),
        )
        for part in PARTS
    }
    return UnseenPair(verb=parts["verb"], people=parts["people"])


def _has(part: Part, story: RequestedStory, written: ReadStory) -> bool:
    if part == "verb":
        return all(written.kept("words", story.words[1:2]))
    named = [name for name in story.people if name in story.summary]
    return all(written.kept("summary", named))
