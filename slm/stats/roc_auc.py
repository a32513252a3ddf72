"""The stratified area under the ROC curve, with an interval for clustered words.

AUC is the chance that a word of the class has the larger number of two words, one of each kind, drawn
from the same stratum (Mann-Whitney; equal numbers count one half). Strata hold fixed what shall not
explain the difference: the place in the story, or the word itself.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int

from slm.stats.interval import Z95, Intervals


def stratum_members(strata: Int[np.ndarray, "word"]) -> Iterator[Int[np.ndarray, "some"]]:
    """Yield the words of each stratum, strata in ascending order."""
    order = np.argsort(strata, kind="stable")
    cuts = np.flatnonzero(np.diff(strata[order])) + 1
    yield from np.split(order, cuts)


def centred_ranks(
    acts: Float[np.ndarray, "neuron word"], strata: Int[np.ndarray, "word"]
) -> Float[np.ndarray, "neuron word"]:
    """Compute mid-ranks within each stratum (ties share the mean of theirs), less the mean rank."""
    ranks = np.zeros(acts.shape, dtype=np.float32)
    for words in stratum_members(strata):
        ranks[:, words] = _mid_ranks(acts[:, words]) - np.float32((len(words) + 1) / 2)
    return ranks


def roc_auc(
    centred: Float[np.ndarray, "neuron word"],
    labels: Bool[np.ndarray, "word label"],
    strata: Int[np.ndarray, "word"],
) -> Float[np.ndarray, "label neuron"]:
    """Compute the stratified ROC AUC of every neuron and label from `centred_ranks`.

    NaN where no stratum has both a positive and another word. In a stratum with P positives among n
    words their centred ranks sum to U - P (n - P) / 2, U the Mann-Whitney statistic.
    """
    sums = labels.T.astype(np.float32) @ centred.T
    with np.errstate(invalid="ignore", divide="ignore"):
        return 0.5 + sums / comparable_pairs(labels, strata)[:, None]


def comparable_pairs(
    labels: Bool[np.ndarray, "word label"], strata: Int[np.ndarray, "word"]
) -> Float[np.ndarray, "label"]:
    """Count the pairs of a positive and another word in one stratum, for each label."""
    found = np.zeros(labels.shape[1])
    for words in stratum_members(strata):
        positive = labels[words].sum(0)
        found += positive * (len(words) - positive)
    return found.astype(np.float32)


def roc_auc_interval(
    acts: Float[np.ndarray, "neuron word"],
    positive: Bool[np.ndarray, "word"],
    strata: Int[np.ndarray, "word"],
    stories: Int[np.ndarray, "word"],
) -> Intervals:
    """Compute the stratified ROC AUC of each neuron with a cluster-robust DeLong interval (95 %).

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
    for words in stratum_members(strata):
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
        return Intervals(mean=won / there if there else nothing, low=nothing, high=nothing)
    found = won / there
    off = by_story - found[:, None] * fought
    error = np.sqrt(count / (count - 1) * (off**2).sum(1)) / there
    return Intervals(mean=found, **_logit_interval(found, error))


def _logit_interval(
    found: Float[np.ndarray, "neuron"], error: Float[np.ndarray, "neuron"]
) -> dict[str, Float[np.ndarray, "neuron"]]:
    inside = np.clip(found, 1e-6, 1 - 1e-6)
    odds = np.log(inside / (1 - inside))
    wide = Z95 * error / (inside * (1 - inside))
    return {"low": 1 / (1 + np.exp(wide - odds)), "high": 1 / (1 + np.exp(-wide - odds))}


def _below(
    positives: Float[np.ndarray, "neuron positive"], values: Float[np.ndarray, "neuron word"]
) -> Float[np.ndarray, "neuron word"]:
    """Count a neuron's sorted positives below each value, ties counting one half."""
    found = np.empty(values.shape, dtype=np.float32)
    for row, (mine, all_values) in enumerate(zip(positives, values, strict=True)):
        left = np.searchsorted(mine, all_values, side="left")
        found[row] = (left + np.searchsorted(mine, all_values, side="right")) / 2
    return found


def _mid_ranks(values: Float[np.ndarray, "neuron word"]) -> Float[np.ndarray, "neuron word"]:
    """Rank values from 1, ties sharing their mean rank."""
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
    """Return sort keys of `values`: float16 is mapped to int16 of the same order, which sorts faster."""
    if values.dtype != np.float16:
        return values
    bits = values.view(np.int16)
    return np.where(bits < 0, np.int16(-32768) - bits, bits)  # -0 becomes 0
