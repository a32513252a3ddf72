"""The four measures of a set of stories, opening by opening, each with an interval over openings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from slm.errors import BadInput
from slm.generation.fitting import openings_that_fit
from slm.grading.items import sample_of
from slm.memorization.rouge import words
from slm.progress import Progress, Steps
from slm.runs import Checkpoint
from slm.scores.age import readability
from slm.scores.consistency import saved_nats
from slm.scores.creativity import own_ngrams
from slm.scores.grammar import grammar_findings
from slm.scores.texts import CompletedStory, written
from slm.stats.bootstrap import bootstrap_ratio, cluster_sums
from slm.stats.interval import Interval
from slm.stories.shipped import openings

ScoreMeasure = Literal["grammar", "consistency", "creativity", "age"]
MEASURES: tuple[ScoreMeasure, ...] = get_args(ScoreMeasure)
UNITS: dict[ScoreMeasure, str] = {
    "grammar": "findings per 100 words",
    "consistency": "nats per token saved",
    "creativity": "share of 3-grams of its own",
    "age": "school grade (ARI)",
}
BETTER: dict[ScoreMeasure, int] = {"grammar": -1, "consistency": 1, "creativity": 1, "age": 0}
"""Whether more is better (1), worse (-1), or neither (0)."""


@dataclass(frozen=True, kw_only=True)
class StoryScores:
    """Stories measured, one entry a story: all of one opening have its number; None where unknown.

    `reference` is the address of the model that read them for consistency.
    """

    reference: str
    opening: tuple[int, ...]
    findings: tuple[int, ...]
    words: tuple[int, ...]
    consistency: tuple[float | None, ...]
    creativity: tuple[float | None, ...]
    age: tuple[float | None, ...]

    def values(self, measure: ScoreMeasure) -> tuple[np.ndarray, np.ndarray]:
        """Return numerators and denominators whose sums' ratio is the measure, one of each a story."""
        if measure == "grammar":
            return 100.0 * np.array(self.findings, float), np.array(self.words, float)
        column = {"consistency": self.consistency, "creativity": self.creativity, "age": self.age}
        known = np.array([np.nan if one is None else one for one in column[measure]], float)
        return np.nan_to_num(known), np.isfinite(known).astype(float)

    def interval(self, measure: ScoreMeasure) -> Interval:
        """Estimate a measure over the stories, with a bootstrap interval over openings."""
        above, below = self.values(measure)
        sums = cluster_sums(np.stack([above, below], axis=1), self.opening)
        return bootstrap_ratio(sums[:, 0], sums[:, 1]).at((), int((below > 0).sum()))

    def by_opening(self, measure: ScoreMeasure) -> dict[str, float]:
        """Return the measure of each opening's stories, by number; openings without one are left out."""
        sums = cluster_sums(np.stack(self.values(measure), axis=1), self.opening)
        names = np.unique(self.opening).tolist()
        return {
            str(at): above / below
            for at, (above, below) in zip(names, sums.tolist(), strict=True)
            if below > 0
        }

    def to_json(self) -> dict[str, Any]:
        """Return each measure with its interval and unit, and the reference."""
        return {
            "reference": self.reference,
            "stories": len(self.opening),
            "scores": {measure: _plain(self.interval(measure), measure) for measure in MEASURES},
        }


def _plain(one: Interval, measure: ScoreMeasure) -> dict[str, Any]:
    low, high = one.bounds or (None, None)
    mean = None if math.isnan(one.mean) else one.mean
    return {"mean": mean, "interval": [low, high], "unit": UNITS[measure], "n": one.n}


def score_stories(stories: Sequence[CompletedStory], reference: Checkpoint) -> StoryScores:
    """Compute all measures of some stories; raises `BadInput` where there is none."""
    if not stories:
        raise BadInput("scores need at least one story")

    def known(values: Sequence[float] | np.ndarray) -> tuple[float | None, ...]:
        return tuple(None if math.isnan(value) else round(float(value), 5) for value in values)

    return StoryScores(
        reference=str(reference.address),
        opening=tuple(story.opening_index for story in stories),
        findings=tuple(len(grammar_findings(story)) for story in stories),
        words=tuple(len(words(story.completion)) for story in stories),
        consistency=known(saved_nats(reference, stories)),
        creativity=known(own_ngrams(stories)),
        age=known([readability(story) for story in stories]),
    )


def scored_openings(checkpoint: Checkpoint) -> tuple[tuple[str, ...], str]:
    """Return the shipped openings as the model can read them, and a note on what was cut."""
    return openings_that_fit([checkpoint], openings())


def stories_of(checkpoint: Checkpoint) -> list[CompletedStory]:
    """Complete each shipped opening once, as a judge would read it."""
    given, _ = scored_openings(checkpoint)
    return [written(item) for item in sample_of(checkpoint, given, 0)]


def score(checkpoint: Checkpoint, reference: Checkpoint) -> Steps[StoryScores]:
    """Let a model complete the shipped openings, and measure what it wrote."""
    yield Progress(share=0.0, doing=f"{checkpoint.address} writes")
    stories = stories_of(checkpoint)
    yield Progress(
        share=0.5, doing=f"{reference.address} reads the stories of {checkpoint.address}"
    )
    return score_stories(stories, reference)
