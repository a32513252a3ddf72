"""Put one neuron to the protagonist test: contrasts in stories, effects in minimal pairs, a verdict.

Nursery stories tell first mentions, names and the word "named" apart by who is mentioned how, and
minimal pairs (sentences of ours, alike but for one thing) by that thing alone, at the same place.

Neurons are ranked, and AUCs are, by `ranked_hook`: the pre-activation of an ungated neuron. Means and
differences are of the activation where the neuron fires and 0 elsewhere (`fired`), which is what it
says: a neuron that is silent at first mentions does not want them, however less inhibited it is there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from slm.interp.neurons.activations import fired
from slm.interp.roles.mentions import (
    FIRST_NAMED,
    FIRST_PLAIN,
    GROUPS,
    LATER,
    ORDINARY,
    OTHER_NAMED,
    Mentions,
)
from slm.model.config import ModelConfig
from slm.stats.bootstrap import bootstrap_mean
from slm.stats.interval import Interval
from slm.stats.rates import event_rates
from slm.stats.roc_auc import roc_auc_interval
from slm.stories.annotation.minimal_pairs import Condition, minimal_pairs

CLEAR = 0.7
"""A contrast is clear where its AUC is at least this and its interval lies above 0.5."""

NAMED_OR_WORD = "first mention after “named” against any other word at the same place"
PLAIN_OR_WORD = "first mention otherwise against any other word at the same place"
NAME_OR_WORD = "later mention against any other word at the same place"
NAMED_OR_LATER = "first mention after “named” against later mention"
PLAIN_OR_LATER = "first mention otherwise against later mention"
NAMED_OR_PLAIN = "first mention after “named” against first mention otherwise"
OTHER_OR_LATER = "another's first mention after “named” against later mention"
CONTRASTS: Mapping[str, tuple[str, str]] = {
    NAMED_OR_WORD: (FIRST_NAMED, ORDINARY),
    PLAIN_OR_WORD: (FIRST_PLAIN, ORDINARY),
    NAME_OR_WORD: (LATER, ORDINARY),
    NAMED_OR_LATER: (FIRST_NAMED, LATER),
    PLAIN_OR_LATER: (FIRST_PLAIN, LATER),
    NAMED_OR_PLAIN: (FIRST_NAMED, FIRST_PLAIN),
    OTHER_OR_LATER: (OTHER_NAMED, LATER),
}
"""What is compared with what: the group expected higher, the group expected lower.

Ordinary words are compared at about the same place of the story. Mentions are not: a first one nearly
always stands before a later one, and only sentences of ours can part the two.
"""

NONE_FOUND, ANY_NAME = "none found", "any name"
FIRST_MENTION, AFTER_NAMED, EARLY = "first mention", "name after “named”", "name early in the story"
RULES = {
    NONE_FOUND: "on stories it was not chosen on, it does not clearly tell the protagonist's first "
    "mention from other words at the same place, or no better than shuffled labels do, or does not "
    "surely fire more often there",
    ANY_NAME: "it tells first mentions from other words, and not clearly from later mentions",
    FIRST_MENTION: "in sentences alike but for one thing, a name's first time instead of its second "
    "makes at least a quarter of what first and later mentions differ by in stories",
    AFTER_NAMED: "in sentences alike but for one thing, “named” before a name makes at least a quarter "
    "of what first and later mentions differ by in stories, and its being the first time does not",
    EARLY: "first and later mentions differ in stories, yet in sentences where they stand at the same "
    "place neither the first time nor “named” makes a quarter of that difference",
}
"""Every verdict, and when it is given: the first that applies."""
ENOUGH = 0.25
"""The share of the difference in stories that a cause must make by itself."""

MENTION = "a name's first time, not its second"
NAMED = "a name after “named”, not elsewhere"
NAMED_WORD = "another word after “named”, not elsewhere"
NAME = "a name's second time, not another word"


@dataclass(frozen=True, kw_only=True)
class NeuronTrial:
    """One neuron's test, all on stories it was not chosen on; every mapping is name -> interval.

    `means` are mean activations by group of mentions, `fires` the shares of its words on which the
    neuron fires, both with intervals over stories. `contrasts` are AUCs, and `fires_more` how much
    more often the neuron fires on what is expected higher, at the same place where the other side is
    ordinary words. `effects` are differences of activation between minimal pairs, and `conditions` the
    mean activations there, with intervals over names. Activations are 0 where the neuron does not
    fire. `threshold` is the AUC that the luckiest neuron reaches with labels permuted.
    """

    layer: int
    neuron: int
    means: Mapping[str, Interval]
    fires: Mapping[str, Interval]
    contrasts: Mapping[str, Interval]
    fires_more: Mapping[str, Interval]
    effects: Mapping[str, Interval]
    conditions: Mapping[str, Interval]
    threshold: float
    verdict: str

    @property
    def why(self) -> str:
        """The rule behind the verdict."""
        return RULES[self.verdict]

    def to_json(self) -> dict[str, Any]:
        """Return every number with its name, and the rule of the verdict."""
        return {field.name: getattr(self, field.name) for field in fields(self)} | {"why": self.why}


def try_neuron(
    acts: Float[np.ndarray, "word"],
    words: Mentions,
    threshold: float,
    pairs: Float[np.ndarray, "sentence"],
    config: ModelConfig,
    *,
    layer: int = 0,
    neuron: int = 0,
) -> NeuronTrial:
    """Test one neuron by its `ranked_hook` on words, and at the ends of `minimal_pairs`."""
    contrasts, fires_more = {}, {}
    for name, (high, low) in CONTRASTS.items():
        sides = words.sides((high,), low)
        here, count = acts[None, sides.there], int(sides.positive.sum())
        compared = sides.positive, sides.strata, sides.story
        contrasts[name] = roc_auc_interval(here, *compared).at(0, count)
        fires_more[name] = event_rates(here > 0, *compared).difference.at(0, count)
    said, said_in_pairs = (
        fired(config, torch.from_numpy(some.astype(np.float32))).numpy() for some in (acts, pairs)
    )
    means, effects = _by_group(said, words), pair_effects(said_in_pairs)
    return NeuronTrial(
        layer=layer,
        neuron=neuron,
        means=means,
        fires=_by_group(acts > 0, words),
        contrasts=contrasts,
        fires_more=fires_more,
        effects=effects,
        conditions=condition_means(said_in_pairs),
        threshold=threshold,
        verdict=verdict(means, contrasts, fires_more, effects, threshold),
    )


def verdict(
    means: Mapping[str, Interval],
    contrasts: Mapping[str, Interval],
    fires_more: Mapping[str, Interval],
    effects: Mapping[str, Interval],
    threshold: float,
) -> str:
    """Say what the neuron wants: the first of `RULES` that applies."""

    def clear(name: str, least: float = CLEAR) -> bool:
        return contrasts[name].low > 0.5 and contrasts[name].mean >= least

    least = max(threshold, CLEAR)
    if not any(
        clear(name, least) and fires_more[name].low > 0 for name in (NAMED_OR_WORD, PLAIN_OR_WORD)
    ):
        return NONE_FOUND
    if not (clear(NAMED_OR_LATER) or clear(PLAIN_OR_LATER)):
        return ANY_NAME
    enough = ENOUGH * rise(means)
    for name, found in ((MENTION, FIRST_MENTION), (NAMED, AFTER_NAMED)):
        if effects[name].low > 0 and effects[name].mean >= enough:
            return found
    return EARLY


def rise(means: Mapping[str, Interval]) -> float:
    """Compute how far first mentions, of the kind that excites it more, are above later ones."""
    return max(means[FIRST_NAMED].mean, means[FIRST_PLAIN].mean) - means[LATER].mean


def pair_effects(acts: Float[np.ndarray, "sentence"]) -> dict[str, Interval]:
    """Estimate what each cause adds to the activation where all else is alike, over names.

    A name in its second time without "named" is the ground the first two stand on.
    """
    by = {condition: _by_word(acts, condition) for condition in Condition}
    ordinary = by[Condition.WORD_PLAIN].mean()
    differences = {
        MENTION: by[Condition.FIRST_PLAIN] - by[Condition.AGAIN_PLAIN],
        NAMED: by[Condition.AGAIN_NAMED] - by[Condition.AGAIN_PLAIN],
        NAMED_WORD: by[Condition.WORD_NAMED] - by[Condition.WORD_PLAIN],
        NAME: by[Condition.AGAIN_PLAIN] - ordinary,
    }
    return {name: bootstrap_mean(values) for name, values in differences.items()}


def condition_means(acts: Float[np.ndarray, "sentence"]) -> dict[str, Interval]:
    """Estimate the mean activation in each condition of the minimal pairs, over names or words."""
    return {name.value: bootstrap_mean(_by_word(acts, name)) for name in Condition}


def _by_group(values: np.ndarray, words: Mentions) -> dict[str, Interval]:
    """Estimate the mean of each group, with a bootstrap over stories; NaN for an empty group."""
    nothing = Interval(mean=np.nan, low=np.nan, high=np.nan, n=0)
    return {
        name: bootstrap_mean(values[on], words.story[on]) if on.any() else nothing
        for name, on in zip(GROUPS, words.labels.T, strict=True)
    }


def _by_word(
    acts: Float[np.ndarray, "sentence"], condition: Condition
) -> Float[np.ndarray, "different"]:
    """Average the activation of each word of a condition over its sentences."""
    found: dict[str, list[float]] = {}
    for act, pair in zip(acts, minimal_pairs(), strict=True):
        if pair.condition is condition:
            found.setdefault(pair.word, []).append(float(act))
    return np.array([np.mean(values) for values in found.values()])
