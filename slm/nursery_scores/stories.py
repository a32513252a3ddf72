"""Exact measures of stories that go on from nursery openings: grammar, agreement, mentions, plot.

Everything is counted after the opening. Beside a model stand the grammar's own endings of the same
stories, and these with five in a hundred words swapped with the next.
"""

import random
import re
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np

from slm.errors import BadInput
from slm.generation.sampler import Sampling, complete
from slm.nursery_scores.choices import SEED, UNSEEN_FROM
from slm.nursery_scores.derivation import Derivation, derive, sentence_ends
from slm.progress import Progress
from slm.runs import Checkpoint
from slm.stats.bootstrap import bootstrap_ratio
from slm.stats.interval import Interval
from slm.stories import nursery
from slm.stories.nursery.book import read_book
from slm.stories.nursery.cast import ELDERS
from slm.stories.nursery.page import article_before

NurseryMeasure = Literal["derived", "articles", "pronouns", "introduced", "in order"]
MEASURES: tuple[NurseryMeasure, ...] = get_args(NurseryMeasure)
MEANS: dict[NurseryMeasure, str] = {
    "derived": "whole sentences that the grammar derives",
    "articles": "a and an that fit the next word",
    "pronouns": "he and she, him and her, where somebody of that sex was mentioned before",
    "introduced": "names and things with “the” that were mentioned before or are introduced there",
    "in order": "lines of the story's plot that come after the line before them in the book",
}
OPENING = 2
"""Sentences of the opening."""
SWAPPED = 0.05
_WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*")
Counts = dict[NurseryMeasure, tuple[int, int]]


@dataclass(frozen=True, kw_only=True)
class NurseryStoryScores:
    """Shares of one set of stories: `counts` of each story are (right, all) by measure."""

    counts: tuple[Counts, ...]

    def share(self, measure: NurseryMeasure) -> Interval:
        """Estimate a share, resampling stories."""
        pairs = np.array([one[measure] for one in self.counts], dtype=float)
        return bootstrap_ratio(pairs[:, 0], pairs[:, 1]).at((), int(pairs[:, 1].sum()))

    def to_json(self) -> dict[str, Any]:
        """Return each share with its interval and the number of cases."""
        return {one.replace(" ", "_"): self.share(one).to_json() for one in MEASURES}


def openings(count: int) -> list[tuple[str, str]]:
    """Return openings of unseen stories, each with the grammar's own ending."""
    found = []
    for story in nursery.stories(count, seed=SEED, first=UNSEEN_FROM):
        matches = list(re.finditer(r"[A-Za-z]+(?:'[A-Za-z]+)*|\.\.\.|\S", story.text))
        ends = sentence_ends([match[0] for match in matches])
        at = matches[ends[OPENING - 1] - 1].end()
        found.append((story.text[:at], story.text[at:]))
    return found


def written(
    checkpoint: Checkpoint, count: int, seed: int = 0
) -> Generator[Progress, None, NurseryStoryScores]:
    """Let a model end nursery stories at temperature 1, and measure what it wrote.

    Raises `BadInput` where the openings do not fit the context.
    """
    starts = [opening for opening, _ in openings(count)]
    longest = max(len(checkpoint.tokenizer.encode_story(opening)) for opening in starts)
    room = checkpoint.config.n_ctx - longest
    if room < 1:
        raise BadInput(f"nursery openings take {longest} tokens, not {checkpoint.config.n_ctx}")
    yield Progress(doing="writing", share=0.0)
    stories = complete(checkpoint, starts, Sampling(max_tokens=room, seed=seed))
    counts = []
    for done, (opening, story) in enumerate(zip(starts, stories, strict=True)):
        counts.append(count_story(opening, story.text))
        yield Progress(doing="deriving", share=(done + 1) / count)
    return NurseryStoryScores(counts=tuple(counts))


def of_grammar(count: int, *, spoiled: bool = False) -> NurseryStoryScores:
    """NurseryMeasure the grammar's own endings, as they are or with words swapped."""
    draw = random.Random(SEED)
    return NurseryStoryScores(
        counts=tuple(
            count_story(opening, swapped(ending, draw) if spoiled else ending)
            for opening, ending in openings(count)
        )
    )


def swapped(text: str, draw: random.Random, share: float = SWAPPED) -> str:
    """Swap a share of the words with the next one."""
    words = text.split(" ")
    for at in range(len(words) - 1):
        if draw.random() < share:
            words[at], words[at + 1] = words[at + 1], words[at]
    return " ".join(words)


def count_story(opening: str, ending: str) -> Counts:
    """Count the cases of each measure in an ending, and those that are right."""
    told = derive(opening + ending)
    before = len(derive(opening).derived)
    derived = told.derived[before:]
    return {
        "derived": (sum(derived), len(derived)),
        "articles": _articles(ending),
        "pronouns": _pronouns(opening, ending),
        "introduced": _introduced(opening, ending),
        "in order": _in_order(told, before),
    }


def _articles(ending: str) -> tuple[int, int]:
    words = [match[0].lower() for match in _WORD.finditer(ending)]
    after = [(words[at], words[at + 1]) for at in range(len(words) - 1) if words[at] in ("a", "an")]
    return sum(article == article_before(word) for article, word in after), len(after)


def _sexes() -> dict[str, str]:
    """Return the sexes that a character of each name or kind may have."""
    book = read_book()
    found: dict[str, str] = {kind: sex for kind, (sex, _) in ELDERS.items()}
    found |= {call.lower(): sex for sex, call in ELDERS.values()}
    found |= {kind.noun: kind.sexes for kind in book.kinds}
    for pool, sexes in (("girls", "f"), ("boys", "m"), ("pets", "mf")):
        for name in book.names[pool]:
            found[name.lower()] = found.get(name.lower(), "") + sexes
    return found


def _pronouns(opening: str, ending: str) -> tuple[int, int]:
    """Count pronouns outside quotations; a sex is known from the mentions before."""
    sexes, known, right, cases = _sexes(), set[str](), 0, 0
    quoted = False
    for match in re.finditer(r'[A-Za-z]+|"', opening + ending):
        word = match[0].lower()
        quoted = quoted != (word == '"')
        sex = {"he": "m", "him": "m", "his": "m", "she": "f", "her": "f"}.get(word)
        if sex and not quoted and match.start() >= len(opening):
            cases += 1
            right += sex in known
        known.update(sexes.get(word, ""))
    return right, cases


def _introduced(opening: str, ending: str) -> tuple[int, int]:
    """Count names, and things after "the", that stand for the first time without an introduction."""
    book = read_book()
    names = {name.lower() for pool in book.names.values() for name in pool}
    nouns = {thing.noun for thing in book.things}
    kinds = {kind.noun for kind in book.kinds}
    words = [
        (match[0].lower().removesuffix("'s"), match.start())
        for match in _WORD.finditer(opening + ending)
    ]
    seen, right, cases = set[str](), 0, 0
    for at, (word, start) in enumerate(words):
        earlier, later = (
            words[near][0] if 0 <= near < len(words) else "" for near in (at - 1, at + 1)
        )
        further = words[at + 2][0] if at + 2 < len(words) else ""
        named, definite = word in names, word in nouns and earlier == "the"
        if start >= len(opening) and (named or definite):
            introduced = named and (
                earlier in ("named", "friend") or (later == "the" and further in kinds)
            )
            cases += 1
            right += word in seen or introduced
        seen.add(word)
    return right, cases


def _in_order(told: Derivation, before: int) -> tuple[int, int]:
    """Count lines of the plot that most lines are of, and those that follow the one before them."""
    lines = [one for one in told.lines if one.first >= before]
    plots = Counter(plot for one in lines for plot in {plot for plot, _ in one.lines})
    if not plots:
        return 0, 0
    plot = plots.most_common(1)[0][0]
    numbers = {
        one.first: min(number for name, number in one.lines if name == plot)
        for one in lines
        if any(name == plot for name, _ in one.lines)
    }
    found = [numbers[first] for first in sorted(numbers)]
    return sum(b > a for a, b in pairwise(found)), max(len(found) - 1, 0)


def rows(scores: Sequence[tuple[str, NurseryStoryScores]]) -> list[str]:
    """Format shares of several sets of stories, a line a measure."""
    return [
        f"  {MEANS[measure]}: "
        + ", ".join(f"{name} {one.share(measure).to_text()}" for name, one in scores)
        for measure in MEASURES
    ]
