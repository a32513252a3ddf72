"""Check a judge with stories of which we know how good they are, mixed in among the others.

Our own stories, told to their end; the same with the words of the ending shuffled; the same
beginnings with the ending of another story. A judge who grades the spoiled ones no lower than the
whole ones does not see what it is asked about, whatever it says about a model.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from slm.grading.items import Item, ItemKind
from slm.grading.questions import Graded
from slm.grading.scores import by_story
from slm.stats.bootstrap import bootstrap_mean
from slm.stats.interval import Interval
from slm.stories.shipped import stories

STORIES = 8
GIVEN = 0.4
"""The share of a story's words that is given as its beginning."""

ENOUGH = 3
"""Of fewer stories that have both grades, nothing is said about the judge."""

CLEAR = 1.0
"""A spoiled story must lose at least so many grades, or surely some."""

SPOILED: dict[ItemKind, tuple[str, str]] = {
    "shuffled": ("the words of the ending shuffled", "grammar"),
    "elsewhere": ("the ending of another story", "consistency"),
}
"""What was done to a story, and which grade must suffer."""


@dataclass(frozen=True, kw_only=True)
class JudgeCheck:
    """By how many grades a judge marks down stories that were spoiled in one way.

    `passed`: true where the interval of the difference (over stories) lies above zero, false where it
    does not and the mean is below one grade; None where these stories are too few to say.
    """

    kind: ItemKind
    what: str
    dimension: str
    stories: int
    whole: float
    spoiled: float
    difference: Interval
    passed: bool | None


def check_items(repeats: int = 1) -> list[Item]:
    """Build judge checks: a whole story and two spoiled ones for each of the first shipped stories.

    The texts are always the same.
    """
    parts = [_cut(story.text) for story in stories()[:STORIES]]
    found = []
    for at, (opening, ending) in enumerate(parts):
        words = ending.split()
        random.Random(at).shuffle(words)
        endings: dict[ItemKind, str] = {
            "human": ending,
            "shuffled": " " + " ".join(words),
            "elsewhere": parts[(at + 1) % len(parts)][1],
        }
        found += [
            Item(
                address="",
                opening=opening,
                completion=text,
                opening_index=at,
                completion_index=0,
                repeat=repeat,
                kind=kind,
            )
            for kind, text in endings.items()
            for repeat in range(repeats)
        ]
    return found


def mixed(items: Sequence[Item], tests: Sequence[Item], seed: int = 0) -> list[Item]:
    """Shuffle items and judge checks together, so that their order does not tell them apart."""
    every = [*items, *tests]
    random.Random(seed).shuffle(every)
    return every


def judge_checks(graded: Sequence[Graded], seed: int = 0) -> list[JudgeCheck]:
    """Check whether each way of spoiling costs grades; empty where the judge was not checked."""
    found = []
    for kind, (what, dimension) in SPOILED.items():
        whole, spoiled = (
            _by_opening(graded, "human", dimension),
            _by_opening(graded, kind, dimension),
        )
        both = sorted(whole.keys() & spoiled.keys())
        if not both:
            continue
        difference = bootstrap_mean([whole[at] - spoiled[at] for at in both], both, seed)
        passed = None
        if len(both) >= ENOUGH and difference.bounds is not None:
            surely = difference.low > 0
            passed = True if surely else False if difference.mean < CLEAR else None
        found.append(
            JudgeCheck(
                kind=kind,
                what=what,
                dimension=dimension,
                stories=len(both),
                whole=sum(whole[at] for at in both) / len(both),
                spoiled=sum(spoiled[at] for at in both) / len(both),
                difference=difference,
                passed=passed,
            )
        )
    return found


def passes(found: Sequence[JudgeCheck]) -> Literal["yes", "no", "not tested"]:
    """Return whether the judge recognised every kind of spoiled story; "no" where it missed one."""
    if any(check.passed is False for check in found):
        return "no"
    passed = {check.kind for check in found if check.passed}
    return "yes" if passed == set(SPOILED) else "not tested"


def _by_opening(graded: Sequence[Graded], kind: ItemKind, dimension: str) -> dict[str, float]:
    mine = [one for one in graded if one.item.kind == kind]
    return {
        opening: sum(grades) / len(grades)
        for (opening, *_), grades in by_story(mine, dimension).items()
    }


def _cut(text: str) -> tuple[str, str]:
    """Cut a text after a word: its beginning, and the rest with the space before it."""
    words = text.split(" ")
    at = round(GIVEN * len(words))
    return " ".join(words[:at]), " " + " ".join(words[at:])
