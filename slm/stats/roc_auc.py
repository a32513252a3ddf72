"""How well numbers tell the words of a class from other words: AUC, its interval, and what luck reaches.

AUC is the chance that a word of the class has the larger number of two words, one of each kind, drawn
from the same stratum (Mann-Whitney; equal numbers count one half). Strata hold fixed what shall not
explain the difference: the place in the story, or the word itself. Events, which happen on a word or
do not, are compared by their rates. Knows no model and no role.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

SHUFFLES = 50
"""How often labels are shuffled; the largest value any shuffle reaches is the bar."""
SURE = 1.96
TOGETHER = 10
"""Shuffles that are scored in one matrix product."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Separated:
    """AUC of several neurons for one class, each with its 95 % interval; NaN where nothing compares."""

    auc: Float[np.ndarray, "neuron"]
    low: Float[np.ndarray, "neuron"]
    high: Float[np.ndarray, "neuron"]


def members(strata: Int[np.ndarray, "word"]) -> Iterator[Int[np.ndarray, "some"]]:
    """The words of each stratum."""
    order = np.argsort(strata, kind="stable")
    cuts = np.flatnonzero(np.diff(strata[order])) + 1
    yield from np.split(order, cuts)


def centred_ranks(
    acts: Float[np.ndarray, "neuron word"], strata: Int[np.ndarray, "word"]
) -> Float[np.ndarray, "neuron word"]:
    """Each number's rank within its stratum, less the mean rank; equal numbers share theirs."""
    ranks = np.zeros(acts.shape, dtype=np.float32)
    for words in members(strata):
        ranks[:, words] = _mid_ranks(acts[:, words]) - np.float32((len(words) + 1) / 2)
    return ranks


def auc(
    centred: Float[np.ndarray, "neuron word"],
    labels: Bool[np.ndarray, "word label"],
    strata: Int[np.ndarray, "word"],
) -> Float[np.ndarray, "label neuron"]:
    """AUC of every neuron for every label, from `centred_ranks`; NaN where a label has no pair.

    The centred ranks of a stratum's P positives among n words sum to U - P (n - P) / 2.
    """
    sums = labels.T.astype(np.float32) @ centred.T
    with np.errstate(invalid="ignore", divide="ignore"):
        return 0.5 + sums / pairs(labels, strata)[:, None]


def pairs(
    labels: Bool[np.ndarray, "word label"], strata: Int[np.ndarray, "word"]
) -> Float[np.ndarray, "label"]:
    """How many pairs of a positive and another word share a stratum, for each label."""
    found = np.zeros(labels.shape[1])
    for words in members(strata):
        positive = labels[words].sum(0)
        found += positive * (len(words) - positive)
    return found.astype(np.float32)


def shuffled(
    labels: Bool[np.ndarray, "word label"],
    groups: Int[np.ndarray, "word"],
    generator: np.random.Generator,
) -> Bool[np.ndarray, "word label"]:
    """The labels dealt anew within each group."""
    there = np.argsort(groups, kind="stable")
    order = np.lexsort((generator.random(len(groups)), groups))
    dealt = np.empty_like(labels)
    dealt[there] = labels[order]
    return dealt


@dataclass(frozen=True, kw_only=True, eq=False)
class Luck:
    """What shuffled labels reach.

    `bar` is the AUC of each label that the luckiest of all neurons and labels in all shuffles comes
    to: a distance from 0.5 in the label's own standard deviations, so that a rare label, whose AUC
    wavers more, does not set the bar for the common ones (Westfall and Young's maximum, 1993).
    `one_in_a_hundred` is the AUC that a single neuron reaches in one shuffle of a hundred.
    """

    bar: Float[np.ndarray, "label"]
    one_in_a_hundred: Float[np.ndarray, "label"]


def luck(distances: Float[np.ndarray, "shuffle label neuron"]) -> Luck:
    """What AUCs reach that lie at `shuffled_distances`; of the distances negated, on the low side."""
    spread = distances.std(axis=(0, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        farthest = float(np.nanmax(distances / spread[:, None], initial=0.0))
    return Luck(
        bar=0.5 + farthest * spread,
        one_in_a_hundred=0.5 + np.quantile(distances, 0.99, axis=(0, 2)),
    )


def shuffled_distances(
    centred: Float[np.ndarray, "neuron word"],
    labels: Bool[np.ndarray, "word label"],
    strata: Int[np.ndarray, "word"],
    groups: Int[np.ndarray, "word"],
    *,
    seed: int,
    shuffles: int = SHUFFLES,
) -> Float[np.ndarray, "shuffle label neuron"]:
    """How far AUC lies above 0.5 for labels shuffled within `groups`, each of which lies in a stratum."""
    generator = np.random.default_rng(seed)
    there = pairs(labels, strata)
    count = labels.shape[1]
    found = []
    for first in range(0, shuffles, TOGETHER):
        dealt = [
            shuffled(labels, groups, generator)
            for _ in range(first, min(first + TOGETHER, shuffles))
        ]
        sums = np.concatenate(dealt, axis=1).T.astype(np.float32) @ centred.T
        found.append(sums.reshape(len(dealt), count, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.concatenate(found) / there[:, None])


def separated(
    acts: Float[np.ndarray, "neuron word"],
    positive: Bool[np.ndarray, "word"],
    strata: Int[np.ndarray, "word"],
    stories: Int[np.ndarray, "word"],
) -> Separated:
    """AUC with an interval over whole stories, whose words are not independent of each other.

    The variance is DeLong's (1988) from each word's share of won comparisons, summed by story before
    it is squared (Obuchowski 1997, clustered data); the interval is symmetric on the logit scale.
    Words must be given story by story.
    """
    neurons, _ = acts.shape
    won, there = np.zeros(neurons), 0.0
    _, story = np.unique(stories, return_inverse=True)
    count = int(story.max(initial=-1)) + 1
    by_story = np.zeros((neurons, count))  # comparisons won, of those a story's words take part in
    fought = np.zeros(count)
    for words in members(strata):
        mine = positive[words]
        here, others = int(mine.sum()), int((~mine).sum())
        if not here or not others:
            continue
        values = acts[:, words]
        below = _below(np.sort(values[:, mine], axis=1), values)  # positives below, ties one half
        all_below = _mid_ranks(values) - 0.5
        wins = np.where(mine, all_below - below, here - below)
        won += wins[:, mine].sum(1)
        there += here * others
        cuts = np.flatnonzero(np.diff(story[words], prepend=-1))  # words stand story by story
        by_story[:, story[words][cuts]] += np.add.reduceat(wins, cuts, axis=1)
        fought[story[words][cuts]] += np.add.reduceat(np.where(mine, others, here), cuts)
    if not there or count < 2:
        nothing = np.full(neurons, np.nan)
        return Separated(auc=won / there if there else nothing, low=nothing, high=nothing)
    found = won / there
    off = by_story - found[:, None] * fought
    error = np.sqrt(count / (count - 1) * (off**2).sum(1)) / there
    return Separated(auc=found, **_logit_interval(found, error))


@dataclass(frozen=True, kw_only=True, eq=False)
class Rates:
    """How often something happens on words of a class and elsewhere, for several neurons.

    `low` and `high` are the 95 % interval of the difference, on the class less elsewhere; all are NaN
    where nothing compares.
    """

    on: Float[np.ndarray, "neuron"]
    elsewhere: Float[np.ndarray, "neuron"]
    low: Float[np.ndarray, "neuron"]
    high: Float[np.ndarray, "neuron"]


def rates(
    events: Bool[np.ndarray, "neuron word"],
    positive: Bool[np.ndarray, "word"],
    strata: Int[np.ndarray, "word"],
    stories: Int[np.ndarray, "word"],
) -> Rates:
    """How often each neuron's event happens on words of a class, and on other words like them.

    Other words count so that they lie in the strata as the class's do (direct standardisation); words
    of the class count where their stratum has others. The interval is over whole stories: each word's
    part in the difference, linearised, is summed by story before it is squared. Words must be given
    story by story.
    """
    neurons, _ = events.shape
    _, story = np.unique(stories, return_inverse=True)
    count = int(story.max(initial=-1)) + 1
    on, elsewhere, there = np.zeros(neurons), np.zeros(neurons), 0
    ahead = np.zeros((neurons, count))  # by story: how far the class's words are above the others
    of_class = np.zeros(count)
    for words in members(strata):
        mine = positive[words]
        here, others = int(mine.sum()), int((~mine).sum())
        if not here or not others:
            continue
        happens = events[:, words].astype(np.float32)
        rate = happens[:, ~mine].mean(1)
        on += happens[:, mine].sum(1)
        elsewhere += here * rate
        there += here
        parts = (happens - rate[:, None]) * np.where(mine, 1.0, -here / others)
        cuts = np.flatnonzero(np.diff(story[words], prepend=-1))  # words stand story by story
        ahead[:, story[words][cuts]] += np.add.reduceat(parts, cuts, axis=1)
        of_class += np.bincount(story[words[mine]], minlength=count)
    if not there or count < 2:
        nothing = np.full(neurons, np.nan)
        return Rates(on=nothing, elsewhere=nothing, low=nothing, high=nothing)
    difference = (on - elsewhere) / there
    off = ahead - difference[:, None] * of_class
    wide = SURE * np.sqrt(count / (count - 1) * (off**2).sum(1)) / there
    return Rates(
        on=on / there, elsewhere=elsewhere / there, low=difference - wide, high=difference + wide
    )


def _logit_interval(
    found: Float[np.ndarray, "neuron"], error: Float[np.ndarray, "neuron"]
) -> dict[str, Float[np.ndarray, "neuron"]]:
    inside = np.clip(found, 1e-6, 1 - 1e-6)
    odds = np.log(inside / (1 - inside))
    wide = SURE * error / (inside * (1 - inside))
    return {"low": 1 / (1 + np.exp(wide - odds)), "high": 1 / (1 + np.exp(-wide - odds))}


def _below(
    positives: Float[np.ndarray, "neuron positive"], values: Float[np.ndarray, "neuron word"]
) -> Float[np.ndarray, "neuron word"]:
    """How many of a neuron's sorted positives lie below each value, equal ones counting one half."""
    found = np.empty(values.shape, dtype=np.float32)
    for row, (mine, all_values) in enumerate(zip(positives, values, strict=True)):
        left = np.searchsorted(mine, all_values, side="left")
        found[row] = (left + np.searchsorted(mine, all_values, side="right")) / 2
    return found


def _mid_ranks(values: Float[np.ndarray, "neuron word"]) -> Float[np.ndarray, "neuron word"]:
    """Ranks from 1, equal values sharing the mean of theirs."""
    order = np.argsort(_keys(values), axis=1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=1)
    at = np.arange(values.shape[1], dtype=np.float32)
    begins = np.ones(values.shape, dtype=bool)
    begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    ends = np.ones(values.shape, dtype=bool)
    ends[:, :-1] = begins[:, 1:]
    first = np.maximum.accumulate(np.where(begins, at, 0), axis=1)
    last = np.minimum.accumulate(np.where(ends, at, np.float32(values.shape[1]))[:, ::-1], axis=1)
    ranks = np.empty(values.shape, dtype=np.float32)
    np.put_along_axis(ranks, order, (first + last[:, ::-1]) / 2 + 1, axis=1)
    return ranks


def _keys(values: Float[np.ndarray, "neuron word"]) -> np.ndarray:
    """What sorts as `values` do: 16-bit floats as 16-bit numbers, which are sorted without comparing."""
    if values.dtype != np.float16:
        return values
    bits = (values + np.float16(0)).view(np.int16)  # -0 becomes 0
    return np.where(bits < 0, np.int16(-32768) - bits, bits)
