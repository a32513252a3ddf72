"""Held-out requests: what is asked for, with all that a story must hold to have kept it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import count, islice

from slm.following.detectors import features_of
from slm.stories.inflections import contains_word, words_of
from slm.stories.instruct import compose
from slm.stories.nursery.requested import HELD_OUT, RECORD_NAMES, RequestedStory, record
from slm.stories.nursery.text import Feature

MEASURES = ("words", "features", "sentence", "summary")
"""What of a request can be kept: each goes with the field of `FIELD_OF`."""
FIELD_OF = {
    "words": "Words",
    "features": "Features",
    "sentence": "Random sentence",
    "summary": "Summary",
}
UNSEEN_PAIR = ("Words", "Summary")
"""The fields that no record of a run trained `--without Words+Summary` held together."""
_FEATURES = {name: feature for feature, name in RECORD_NAMES.items()}


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request, as a model is given it in `prompt`, and what it asks for, by measure.

    `asked["words"]` are words, in any inflection; `["features"]` features as records name them;
    `["sentence"]` a sentence; `["summary"]` the names and the thing of the summary.
    """

    prompt: str
    asked: dict[str, tuple[str, ...]]


def request_of(story: RequestedStory, fields: Sequence[str] | None = None) -> Request:
    """Return the request of a record; with `fields`, one that asks for these, in this order."""
    asked = story.asked
    if fields is not None:
        features = tuple(RECORD_NAMES[one] for one in Feature if one in story.features)
        asked = replace(
            asked,
            features=features if "Features" in fields else (),
            words=story.words if "Words" in fields else (),
            summary=story.summary if "Summary" in fields else None,
            random_sentence=asked.random_sentence if "Random sentence" in fields else None,
            order=tuple(fields),
        )
    summary = asked.summary or ""
    said = [name for name in (*story.people, story.thing) if contains_word(summary, name.lower())]
    return Request(
        prompt=compose(asked),
        asked={
            "words": asked.words,
            "features": asked.features,
            "sentence": (asked.random_sentence,) if asked.random_sentence else (),
            "summary": tuple(said),
        },
    )


@lru_cache(maxsize=8)
def held_out_stories(number: int) -> tuple[RequestedStory, ...]:
    """Return the first held-out records, which no corpus of the nursery trains on."""
    return tuple(record(0, HELD_OUT + index) for index in range(number))


@lru_cache(maxsize=8)
def held_out_requests(number: int) -> tuple[Request, ...]:
    """Return the first held-out requests that do not ask for the unseen pair."""
    every = (record(0, HELD_OUT + index) for index in count())
    seen = (one for one in every if not set(UNSEEN_PAIR) <= set(one.asked.order))
    return tuple(request_of(one) for one in islice(seen, number))


class ReadStory:
    """A story with what is looked up in it, found when it is first asked for."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def words(self) -> frozenset[str]:
        """Its words, in lower case."""
        return words_of(self.text)

    @cached_property
    def features(self) -> frozenset[Feature]:
        """The features that are detected in it."""
        return features_of(self.text)

    @cached_property
    def line(self) -> str:
        """Its text in lower case, with single spaces."""
        return _one_line(self.text)

    def kept(self, measure: str, asked: Sequence[str]) -> tuple[bool, ...]:
        """Return which of the things asked for are in the story."""
        if measure == "features":
            return tuple(_FEATURES.get(one) in self.features for one in asked)
        if measure == "sentence":
            return tuple(_one_line(one) in self.line for one in asked)
        return tuple(contains_word(self.words, one.lower()) for one in asked)


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().lower()
