"""Detectors of features (a twist, a moral …) in stories as the nursery writes them for requests.

Dialogue is quotation marks. Any other feature is told by its cues: trigrams of words that the grammar
writes where it was asked for the feature and nowhere else. They ship in cues.json, which
`python -m slm.following.detectors` writes anew where the grammar has changed. `detector_errors`
measures how often they are wrong, on stories that they were not made from.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from slm.stats.proportions import Proportion
from slm.stories.nursery.book import read_book
from slm.stories.nursery.requested import HELD_OUT, REQUESTS_VERSION, records
from slm.stories.nursery.text import Feature

DETECTORS_VERSION = f"1, requests {REQUESTS_VERSION}"
"""Changes whenever the same text may be found to have other features."""
LEARNED_FROM = 3000
TESTED_ON = 1000
LEARNED_SEED = 777_777
"""Seed of the stories that cues are taken from; corpora of other seeds hold none of them."""
LEAST_STORIES = 4
"""Stories of the feature in which a trigram must stand to be a cue."""
PURITY = 0.98
"""Share of the stories with a trigram in which it stands where the feature is."""
CUES_FILE = "cues.json"
CUES = 2
"""Cues of a feature that a story must hold."""

Trigram = tuple[str, str, str]

_TOKEN = re.compile(r"[a-z']+|[.!?,\"]")
_NAME = "@"


def features_of(text: str) -> frozenset[Feature]:
    """Detect the features of a story, as long as it is told in the nursery's words."""
    there = _trigrams(text)
    found = {one for one, cues in _cues().items() if len(cues & there) >= CUES}
    if text.count('"') >= 2:
        found.add(Feature.DIALOGUE)
    return frozenset(found)


@dataclass(frozen=True, kw_only=True)
class DetectorErrors:
    """How often a detector is wrong: `missed` of stories with the feature, `invented` of those without."""

    feature: Feature
    missed: Proportion
    invented: Proportion

    def to_json(self) -> dict[str, Any]:
        """Return both rates with their intervals."""
        return {
            "feature": self.feature.value,
            "missed": self.missed.to_json(),
            "invented": self.invented.to_json(),
        }


@cache
def detector_errors(number: int = TESTED_ON) -> tuple[DetectorErrors, ...]:
    """Measure each detector on the first held-out stories of the nursery."""
    stories = list(records(number, first=HELD_OUT))
    found = [features_of(story.text) for story in stories]
    every = []
    for feature in Feature:
        has = [feature in story.features for story in stories]
        told = [feature in detected for detected in found]
        missed = sum(was and not said for was, said in zip(has, told, strict=True))
        invented = sum(said and not was for was, said in zip(has, told, strict=True))
        every.append(
            DetectorErrors(
                feature=feature,
                missed=Proportion(hits=missed, count=sum(has)),
                invented=Proportion(hits=invented, count=len(has) - sum(has)),
            )
        )
    return tuple(every)


def learn_cues(number: int = LEARNED_FROM) -> dict[Feature, frozenset[Trigram]]:
    """Find the trigrams that stand where a feature is and nowhere else, in stories of their own seed."""
    marked: dict[Feature, Counter[Trigram]] = {one: Counter() for one in Feature}
    everywhere: Counter[Trigram] = Counter()
    for story in records(number, seed=LEARNED_SEED):
        everywhere.update(_trigrams(story.text))
        for start, end, feature in story.marks:
            marked[feature].update(_trigrams(story.text[start:end]))
    return {
        feature: frozenset(
            trigram
            for trigram, count in counts.items()
            if count >= LEAST_STORIES and count >= PURITY * everywhere[trigram]
        )
        for feature, counts in marked.items()
        if feature != Feature.DIALOGUE
    }


@cache
def _cues() -> dict[Feature, frozenset[Trigram]]:
    """Read the cues that ship."""
    text = resources.files("slm.following").joinpath(CUES_FILE).read_text("utf-8")
    found: dict[Feature, frozenset[Trigram]] = {}
    for feature, cues in json.loads(text)["cues"].items():
        split = (cue.split() for cue in cues)
        found[Feature(feature)] = frozenset((a, b, c) for a, b, c in split)
    return found


def write_cues(path: Path) -> None:
    """Learn the cues and write them to a file, with the version of the grammar that they are of."""
    cues = {
        feature.value: sorted(" ".join(cue) for cue in found)
        for feature, found in learn_cues().items()
    }
    data = {"version": DETECTORS_VERSION, "cues": cues}
    path.write_text(json.dumps(data, indent=0) + "\n", encoding="utf-8")


def _trigrams(text: str) -> frozenset[Trigram]:
    """Return the trigrams of a text's words and marks, any name being the same word."""
    names = _names()
    tokens = [
        _NAME if token.removesuffix("'s") in names else token
        for token in _TOKEN.findall(text.lower())
    ]
    return frozenset(zip(tokens, tokens[1:], tokens[2:], strict=False))


@cache
def _names() -> frozenset[str]:
    return frozenset(name.lower() for names in read_book().names.values() for name in names)


if __name__ == "__main__":
    write_cues(Path(__file__).with_name(CUES_FILE))
