"""Differences in event rates between words of a class and other words of the same stratum."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from slm.stats.interval import Z95, Intervals
from slm.stats.roc_auc import stratum_members


@dataclass(frozen=True, kw_only=True, eq=False)
class EventRates:
    """Rates of an event on words of a class and off them, for several neurons, and their difference.

    All are NaN where nothing compares.
    """

    on: Float[np.ndarray, "neuron"]
    off: Float[np.ndarray, "neuron"]
    difference: Intervals


def event_rates(
    events: Bool[np.ndarray, "neuron word"],
    positive: Bool[np.ndarray, "word"],
    strata: Int[np.ndarray, "word"],
    stories: Int[np.ndarray, "word"],
) -> EventRates:
    """Compare the rates of each neuron's event on words of a class and off them, by stratum.

    Other words count so that they lie in the strata as the class's do (direct standardisation); words
    of the class count where their stratum has others. The interval is over whole stories: each word's
    part in the difference, linearised, is summed by story before it is squared. Words must be given
    story by story.
    """
    neurons, _ = events.shape
    _, story = np.unique(stories, return_inverse=True)
    count = int(story.max(initial=-1)) + 1
    on, off_class, there = np.zeros(neurons), np.zeros(neurons), 0
    ahead = np.zeros((neurons, count))  # by story: how far the class's words are above the others
    of_class = np.zeros(count)
    for words in stratum_members(strata):
        mine = positive[words]
        here, others = int(mine.sum()), int((~mine).sum())
        if not here or not others:
            continue
        happens = events[:, words].astype(np.float32)
        rate = happens[:, ~mine].mean(1)
        on += happens[:, mine].sum(1)
        off_class += here * rate
        there += here
        parts = (happens - rate[:, None]) * np.where(mine, 1.0, -here / others)
        cuts = np.flatnonzero(np.diff(story[words], prepend=-1))  # words stand story by story
        ahead[:, story[words][cuts]] += np.add.reduceat(parts, cuts, axis=1)
        of_class += np.bincount(story[words[mine]], minlength=count)
    if not there or count < 2:
        nothing = np.full(neurons, np.nan)
        unknown = Intervals(mean=nothing, low=nothing, high=nothing)
        return EventRates(on=nothing, off=nothing, difference=unknown)
    mean = (on - off_class) / there
    error = ahead - mean[:, None] * of_class
    half = Z95 * np.sqrt(count / (count - 1) * (error**2).sum(1)) / there
    return EventRates(
        on=on / there,
        off=off_class / there,
        difference=Intervals(mean=mean, low=mean - half, high=mean + half),
    )
