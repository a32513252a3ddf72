"""The TinyStories paper's findings as tests: each holds, does not, or is undecided.

A check is a number that is above 0 where the finding holds. It is computed anew for openings drawn
with replacement (Efron 1979): above 0 in 95 % of the draws or more, the finding holds; at most 0 in
95 % or more, it does not; else the openings disagree, or the number cannot be told, and nothing is
claimed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np

from slm.grading.history import GradedCheckpoint
from slm.stats.bootstrap import draw_clusters

FindingVerdict = Literal["holds", "does not hold", "not enough data"]
SURE = 0.95
RISEN = 0.9
"""A grade has levelled off where it has made this share of its rise."""
OPENINGS = 5
"""Fewer say nothing about others."""

Means = Callable[[GradedCheckpoint, str], float]
"""A checkpoint's mean grade in a dimension, over the openings that were drawn."""


@dataclass(frozen=True, kw_only=True)
class PaperFinding:
    """A claim of the paper and what the grades there are say of it; `why` in one sentence."""

    claim: str
    verdict: FindingVerdict
    why: str


def findings(scored: Sequence[GradedCheckpoint]) -> list[PaperFinding]:
    """Check every finding on the checkpoints that one judge graded.

    What follows a training looks at the run with most graded checkpoints; what compares shapes, at
    the last graded checkpoint of each run.
    """
    by_run = {
        run: sorted(each, key=lambda one: one.step)
        for run, each in groupby(sorted(scored, key=lambda one: one.run), lambda one: one.run)
    }
    history = max(by_run.values(), key=len, default=[])
    last = [each[-1] for each in by_run.values()]
    return [
        _levels_first(history, "grammar", "consistency"),
        _levels_first(history, "consistency", "creativity"),
        _depth_helps(last),
        _appears_between(last, (64, 128)),
        _needs_width(last),
        _two_layers_follow(last),
        _plot_leans_on_width(last),
    ]


def _levels_first(history: Sequence[GradedCheckpoint], first: str, then: str) -> PaperFinding:
    claim = f"While a model learns, {first} levels off before {then}"
    graded = [one for one in history if {first, then} <= one.grades.keys()]
    if len(graded) < 4:
        return _lacking(
            claim, f"it takes 4 graded checkpoints of one run, and there are {len(graded)}"
        )

    def levels_at(mean: Means, dimension: str) -> float:
        risen = np.maximum.accumulate([mean(one, dimension) for one in graded])
        goal = risen[0] + RISEN * (risen[-1] - risen[0])
        return float(graded[int(np.argmax(risen >= goal - 1e-9))].tokens)

    return _tried(
        claim,
        graded,
        (first, then),
        lambda mean: levels_at(mean, then) - levels_at(mean, first),
        lambda mean: (
            f"in {graded[0].run}, {first} has made {RISEN:.0%} of its rise after "
            f"{levels_at(mean, first):,.0f} tokens, {then} after {levels_at(mean, then):,.0f}"
        ),
    )


def _depth_helps(last: Sequence[GradedCheckpoint]) -> PaperFinding:
    claim = "Depth helps consistency more than grammar"
    pair = _apart(last, lambda one: one.width, lambda one: one.layers)
    if pair is None:
        return _lacking(claim, "it takes two graded runs of one width and different depths")
    shallow, deep = pair
    return _tried(
        claim,
        pair,
        ("grammar", "consistency"),
        lambda m: (
            (m(deep, "consistency") - m(shallow, "consistency"))
            - (m(deep, "grammar") - m(shallow, "grammar"))
        ),
        lambda m: (
            f"at width {deep.width}, from {shallow.layers} to {deep.layers} layers consistency "
            f"gains {m(deep, 'consistency') - m(shallow, 'consistency'):+.2f}, grammar "
            f"{m(deep, 'grammar') - m(shallow, 'grammar'):+.2f}"
        ),
    )


def _appears_between(last: Sequence[GradedCheckpoint], widths: tuple[int, int]) -> PaperFinding:
    low, high = widths
    claim = f"Consistency appears between width {low} and {high}"
    for depth in sorted({one.layers for one in last}, reverse=True):
        row = {one.width: one for one in last if one.layers == depth}
        wider = [width for width in row if width > high]
        if low in row and high in row and wider:
            chosen = [row[low], row[high], row[min(wider)]]
            break
    else:
        return _lacking(
            claim, f"it takes graded runs of one depth, {low}, {high} and more than {high} wide"
        )
    small, middle, large = chosen

    def gain(
        m: Means, a: GradedCheckpoint, b: GradedCheckpoint
    ) -> float:  # for each doubling of the width
        return (m(b, "consistency") - m(a, "consistency")) / float(np.log2(b.width / a.width))

    return _tried(
        claim,
        chosen,
        ("consistency",),
        lambda m: gain(m, small, middle) - gain(m, middle, large),
        lambda m: (
            f"with {depth} layers, a doubling of the width gains {gain(m, small, middle):+.2f} up "
            f"to {high} and {gain(m, middle, large):+.2f} from there to {large.width}"
        ),
    )


def _needs_width(last: Sequence[GradedCheckpoint]) -> PaperFinding:
    claim = "Creativity needs a larger model than grammar"
    for depth in sorted({one.layers for one in last}, reverse=True):
        by_width = {one.width: one for one in last if one.layers == depth}
        row = [by_width[width] for width in sorted(by_width)]
        if len(row) >= 3:
            break
    else:
        return _lacking(claim, "it takes graded runs of one depth and three widths")
    small, middle, large = row[0], row[len(row) // 2], row[-1]

    def share(m: Means, dimension: str) -> float:  # of the whole rise, made by the middle width
        whole = m(large, dimension) - m(small, dimension)
        return (m(middle, dimension) - m(small, dimension)) / whole if whole > 0 else np.nan

    return _tried(
        claim,
        (small, middle, large),
        ("grammar", "creativity"),
        lambda m: share(m, "grammar") - share(m, "creativity"),
        lambda m: (
            f"of its rise from width {small.width} to {large.width}, grammar has made "
            f"{share(m, 'grammar'):.0%} at {middle.width}, creativity {share(m, 'creativity'):.0%}"
        ),
    )


def _two_layers_follow(last: Sequence[GradedCheckpoint]) -> PaperFinding:
    claim = "Two layers follow instructions better than one"
    asked = [one for one in last if "instruction" in one.grades]
    for width in sorted({one.width for one in asked}, reverse=True):
        column = {one.layers: one for one in asked if one.width == width}
        if 1 in column and 2 in column:
            break
    else:
        return _lacking(
            claim, "it takes runs of one width with 1 and 2 layers, graded on instructions"
        )
    one, two = column[1], column[2]
    return _tried(
        claim,
        (one, two),
        ("instruction",),
        lambda m: m(two, "instruction") - m(one, "instruction"),
        lambda m: (
            f"at width {width}, one layer has {m(one, 'instruction'):.2f}, "
            f"two have {m(two, 'instruction'):.2f}"
        ),
    )


def _plot_leans_on_width(last: Sequence[GradedCheckpoint]) -> PaperFinding:
    claim = "Plot leans on width more than on depth"
    deeper = _apart(last, lambda one: one.width, lambda one: one.layers)
    wider = _apart(last, lambda one: one.layers, lambda one: one.width)
    if deeper is None or wider is None:
        return _lacking(claim, "it takes graded runs of several widths and several depths")

    def by_depth(m: Means) -> float:
        doublings = float(np.log2(deeper[1].layers / deeper[0].layers))
        return (m(deeper[1], "plot") - m(deeper[0], "plot")) / doublings

    def by_width(m: Means) -> float:
        doublings = float(np.log2(wider[1].width / wider[0].width))
        return (m(wider[1], "plot") - m(wider[0], "plot")) / doublings

    return _tried(
        claim,
        (*deeper, *wider),
        ("plot",),
        lambda m: by_width(m) - by_depth(m),
        lambda m: (
            f"a doubling of the width gains {by_width(m):+.2f}, of the depth {by_depth(m):+.2f}"
        ),
    )


def _apart(
    last: Sequence[GradedCheckpoint],
    same: Callable[[GradedCheckpoint], int],
    apart: Callable[[GradedCheckpoint], int],
) -> tuple[GradedCheckpoint, GradedCheckpoint] | None:
    """Return the two runs equal in `same` with the largest ratio of `apart`; None where none differ."""
    best: tuple[GradedCheckpoint, GradedCheckpoint] | None = None
    for value in {same(one) for one in last}:
        group = sorted((one for one in last if same(one) == value), key=apart)
        pair = group[0], group[-1]
        ratio = apart(pair[1]) / apart(pair[0])
        if ratio > 1 and (best is None or ratio > apart(best[1]) / apart(best[0])):
            best = pair
    return best


def _tried(
    claim: str,
    checkpoints: Sequence[GradedCheckpoint],
    dimensions: Sequence[str],
    number: Callable[[Means], float],
    told: Callable[[Means], str],
) -> PaperFinding:
    """Compute `number` over all openings that were graded everywhere, and over resamples of them."""
    shared = set.intersection(
        *(set(one.grades.get(name, {})) for one in checkpoints for name in dimensions)
    )
    openings = sorted(shared)
    if len(openings) < OPENINGS:
        return _lacking(
            claim, f"it takes {OPENINGS} openings that were graded everywhere, not {len(openings)}"
        )
    values = {
        (id(one), name): np.array([one.grades[name][opening] for opening in openings])
        for one in checkpoints
        for name in dimensions
    }

    def means(drawn: np.ndarray) -> Means:
        return lambda one, name: float(values[id(one), name][drawn].mean())

    every = means(np.arange(len(openings)))
    if not np.isfinite(number(every)):
        return _lacking(claim, "it takes grades that rise from the smallest model to the largest")
    numbers = np.array([number(means(drawn)) for drawn in draw_clusters(len(openings), seed=0)])
    above, below = float(np.mean(numbers > 0)), float(np.mean(numbers <= 0))
    verdict: FindingVerdict = "not enough data"
    if above >= SURE or below >= SURE:
        verdict = "holds" if above >= SURE else "does not hold"
    why = f"{told(every)}; so in {above:.0%} of resampled openings"
    return PaperFinding(claim=claim, verdict=verdict, why=why)


def _lacking(claim: str, why: str) -> PaperFinding:
    return PaperFinding(claim=claim, verdict="not enough data", why=why)
