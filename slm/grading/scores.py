"""Means, noise and differences of grades, with bootstrap intervals.

Intervals resample whole openings. What could not be read is counted, never averaged.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slm.grading.pairwise import Preference
from slm.grading.protocol import Grade
from slm.grading.questions import Graded
from slm.grading.rubric import ALL_DIMENSIONS
from slm.stats.bootstrap import bootstrap_mean, cluster_sums, percentile_interval, resample_counts
from slm.stats.interval import Interval


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The averages over every graded story. Ungraded replies are counted, never averaged.

    `stories` is how many stories have a grade; with repeats there are more grades than that. They
    begin with `openings` different openings. Of `cut_known` stories it is known how they ended, `cut`
    of these where the context ended and not at an end of their own.
    """

    graded: int
    ungraded: int
    stories: int
    openings: int
    cut: int
    cut_known: int
    means: dict[str, Interval]
    ages: dict[str, int]
    spent: float | None


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Standard deviations, in grades: of a judge asked again, and of the stories themselves.

    One-way random effects: `within` is the root of the mean square within stories, `between` the
    root of the variance component between them, from which the judge's noise is taken off (Searle,
    Casella & McCulloch 1992, chapter 3). `stories` were asked about more than once.
    """

    stories: int
    within: Interval
    between: Interval


@dataclass(frozen=True, kw_only=True)
class PairwiseComparison:
    """Win rate of `a` over `b`, with the judge's position bias and consistency (Zheng et al. 2023).

    Every pair was asked both ways round. `win_rate`: how often `a` is preferred, a tie counting half.
    `position_bias`: how often what stood first is; 0.5 is no bias. `consistency`: the share of pairs in
    which both ways gave the same winner. `unread`: pairs without two verdicts.
    """

    a: str
    b: str
    pairs: int
    openings: int
    unread: int
    win_rate: Interval
    position_bias: Interval
    consistency: float


def summary(graded: Sequence[Graded], seed: int = 0) -> Summary:
    """Average each dimension; a story asked about several times counts once."""
    good = [(one.item.opening, one.outcome) for one in graded if isinstance(one.outcome, Grade)]
    means: dict[str, Interval] = {}
    stories = 0
    for name in dimensions_of(graded):
        openings, values = [], []
        for (opening, *_), grades in by_story(graded, name).items():
            openings.append(opening)
            values.append(float(np.mean(grades)))
        if values:
            means[name] = bootstrap_mean(values, openings, seed)
            stories = max(stories, len(values))
    ends = {
        (one.item.opening, one.item.completion): one.item.cut
        for one in graded
        if isinstance(one.outcome, Grade) and one.item.cut is not None
    }
    return Summary(
        graded=len(good),
        openings=len({opening for opening, _ in good}),
        cut=sum(map(bool, ends.values())),
        cut_known=len(ends),
        ungraded=sum(not isinstance(one.outcome, Grade) for one in graded),
        stories=stories,
        means=means,
        ages=dict(sorted(Counter(g.age_group for _, g in good if g.age_group).items())),
        spent=spent(graded),
    )


def spent(graded: Sequence[Graded]) -> float | None:
    """Sum what these replies cost, in US dollars; None where a price was unknown.

    One reply may stand for the same text in several places, and was paid once.
    """
    bought = {
        (g.judge, g.item.opening, g.item.completion, g.item.other, g.item.repeat): g.cost
        for g in graded
    }
    costs = bought.values()
    return None if None in costs else float(sum(cost or 0.0 for cost in costs))


def dimensions_of(graded: Sequence[Graded]) -> list[str]:
    """List the dimensions that any of these have a grade in, the paper's first."""
    found = dict.fromkeys(
        name for one in graded if isinstance(one.outcome, Grade) for name in one.outcome.grades
    )
    return [
        *(name for name in ALL_DIMENSIONS if name in found),
        *(name for name in found if name not in ALL_DIMENSIONS),
    ]


def by_story(graded: Sequence[Graded], name: str) -> dict[tuple[str, str, int, int], list[float]]:
    """Group a dimension's grades by story, repeats together."""
    found: dict[tuple[str, str, int, int], list[float]] = defaultdict(list)
    for one in graded:
        value = one.outcome.grades.get(name) if isinstance(one.outcome, Grade) else None
        if value is not None:
            item = one.item
            story = (item.opening, item.completion, item.completion_index, item.seed)
            found[story].append(value)
    return dict(found)


def differences(a: Sequence[Graded], b: Sequence[Graded], seed: int = 0) -> dict[str, Interval]:
    """Estimate `b` - `a` for each dimension, paired by opening, with a bootstrap over openings."""
    found: dict[str, Interval] = {}
    for name in dimensions_of([*a, *b]):
        ours, theirs = _by_opening(a, name), _by_opening(b, name)
        both = sorted(ours.keys() & theirs.keys())
        if both:
            found[name] = bootstrap_mean([theirs[at] - ours[at] for at in both], both, seed)
    return found


def _by_opening(graded: Sequence[Graded], name: str) -> dict[str, float]:
    stories: dict[str, list[float]] = defaultdict(list)
    for (opening, *_), grades in by_story(graded, name).items():
        stories[opening].append(float(np.mean(grades)))
    return {opening: float(np.mean(means)) for opening, means in stories.items()}


def distribution(graded: Sequence[Graded], name: str) -> list[int]:
    """Count the grades of a dimension nearest to 0, 1, … 10 (halves go up)."""
    values = [value for grades in by_story(graded, name).values() for value in grades]
    nearest = np.floor(np.array(values) + 0.5).astype(int)
    return np.bincount(nearest, minlength=11).tolist() if values else [0] * 11


def noise(graded: Sequence[Graded], seed: int = 0) -> dict[str, Noise]:
    """Estimate the judge's noise in each dimension; empty with fewer than two stories asked about twice."""
    found: dict[str, Noise] = {}
    for name in dimensions_of(graded):
        asked = {s: g for s, g in by_story(graded, name).items() if len(g) > 1}
        if len(asked) < 2:
            continue
        size = np.array([len(grades) for grades in asked.values()], dtype=float)
        mean = np.array([np.mean(grades) for grades in asked.values()])
        squares = np.array([np.var(grades) * len(grades) for grades in asked.values()])
        centred = mean - mean.mean()  # the same variance, without the loss of digits
        ones = np.ones_like(size)
        numbers = np.stack(
            [ones, size, size**2, size * centred, size * centred**2, squares], axis=1
        )
        openings = [opening for opening, *_ in asked]
        sums = cluster_sums(numbers, openings)
        resampled = _deviations(resample_counts(len(sums), seed) @ sums)
        within, between = (
            percentile_interval(float(whole[0]), each if len(sums) > 1 else [], len(asked))
            for whole, each in zip(_deviations(numbers.sum(0)[None]), resampled, strict=True)
        )
        found[name] = Noise(stories=len(asked), within=within, between=between)
    return found


def compare_pairwise(
    graded: Sequence[Graded], a: str, b: str, seed: int = 0
) -> PairwiseComparison | None:
    """Compare `a` with `b` by its pairs; None where no pair has both its verdicts."""
    pairs: dict[tuple[object, ...], dict[str, list[float]]] = defaultdict(dict)
    for one in graded:
        item = one.item
        if item.kind != "pair" or {item.address, item.other_address} != {a, b}:
            continue
        texts = tuple(sorted((item.completion, item.other or "")))
        pair = pairs[(item.opening, item.completion_index, item.seed, texts)]
        verdicts = pair.setdefault(item.address, [])
        if isinstance(one.outcome, Preference):  # 1 where the first is preferred
            verdicts.append({"first": 1.0, "tie": 0.5, "second": 0.0}[one.outcome.better])
    openings, wins, firsts, consistent = [], [], [], []
    for (opening, *_), pair in pairs.items():
        if not (pair.get(a) and pair.get(b)):
            continue
        one_way, other_way = float(np.mean(pair[a])), 1 - float(np.mean(pair[b]))  # of `a` winning
        openings.append(str(opening))
        wins.append((one_way + other_way) / 2)
        firsts.append((one_way + 1 - other_way) / 2)
        consistent.append(one_way == other_way)
    if not wins:
        return None
    return PairwiseComparison(
        a=a,
        b=b,
        pairs=len(wins),
        openings=len(set(openings)),
        unread=len(pairs) - len(wins),
        win_rate=bootstrap_mean(wins, openings, seed),
        position_bias=bootstrap_mean(firsts, openings, seed),
        consistency=float(np.mean(consistent)),
    )


def _deviations(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute standard deviations within and between stories from sums of 1, k, k², k m, k m², squares."""
    stories, grades, of_squares, totals, of_totals, squares = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        within = squares / (grades - stories)
        between = (of_totals - totals**2 / grades) / (stories - 1)
        each = (grades - of_squares / grades) / (stories - 1)
        component = np.maximum(0.0, (between - within) / each)
    return np.sqrt(within), np.sqrt(component)
