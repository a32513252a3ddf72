"""The protagonist test: what does a neuron that fires at the protagonist's first mention really want?

The TinyStories paper shows a neuron that fires where the protagonist is first mentioned (figure 9),
and every hit shown follows "named". Three things come together there: a name, its first time, and
the word "named". Nursery stories tell them apart by who is mentioned how, and sentences of ours, alike
but for one thing, by that thing alone, at the same place of the story.

Neurons are ranked, and AUCs are, by `ranked_hook`: the pre-activation of an ungated neuron. Means and
differences are of the activation where the neuron fires and 0 elsewhere (`fired`), which is what it
says: a neuron that is silent at first mentions does not want them, however less inhibited it is there.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int

from slm.errors import BadInput
from slm.interp.neurons.activations import activations, check_neuron, fired
from slm.interp.roles.labelled_words import activations_at_words, streams_at_words
from slm.interp.roles.mentions import (
    FIRST_NAMED,
    FIRST_PLAIN,
    GROUPS,
    LATER,
    ORDINARY,
    OTHER_NAMED,
    Mentions,
    mentions_of,
)
from slm.model.config import ModelConfig
from slm.progress import Progress
from slm.runs import Address, Checkpoint
from slm.stats.roc_auc import SURE, auc, centred_ranks, luck, rates, separated, shuffled_distances
from slm.stories.annotation.minimal_pairs import Condition, minimal_pairs
from slm.stories.annotation.nursery import annotated

STORIES = 160
TRIED = 5
"""Neurons that are put to the test: the best on the choosing half."""
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
class Estimate:
    """A number with its 95 % interval, and how many words (or names) it is made from."""

    name: str
    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A neuron put to the test, all on stories it was not chosen on.

    `means` are mean activations by group, `fires` the shares of its words on which the neuron fires.
    `contrasts` are AUCs, and `fires_more` how much more often the neuron fires on what is expected
    higher, at the same place where the other side is ordinary words. `effects` are differences of
    activation in sentences that are alike but for one thing, and `conditions` the mean activations
    there. Activations are 0 where the neuron does not fire.
    """

    layer: int
    neuron: int
    means: tuple[Estimate, ...]
    fires: tuple[Estimate, ...]
    contrasts: tuple[Estimate, ...]
    fires_more: tuple[Estimate, ...]
    effects: tuple[Estimate, ...]
    conditions: tuple[Estimate, ...]
    bar: float
    verdict: str

    @property
    def why(self) -> str:
        """The rule by which the verdict is given."""
        return RULES[self.verdict]


@dataclass(frozen=True, kw_only=True)
class ProtagonistTest:
    """The best protagonist-first neurons of a model, the best first, each put to the test."""

    address: Address
    stories: int
    trials: tuple[Trial, ...]


def protagonist_test(
    checkpoint: Checkpoint,
    *,
    count: int = STORIES,
    seed: int = 0,
    neuron: tuple[int, int] | None = None,
) -> Generator[Progress, None, ProtagonistTest]:
    """Find the best protagonist-first neurons and test them.

    With `neuron` (layer, neuron), that one is tested instead. Raises `BadInput` for fewer than 20
    stories, and for a neuron the model does not have.
    """
    if count < 20:
        raise BadInput(f"the protagonist test needs at least 20 stories, not {count}")
    if neuron is not None:
        check_neuron(checkpoint, *neuron)
    stories = []
    for story in annotated(checkpoint.tokenizer, count, seed=seed):
        stories.append(mentions_of(story))
        yield Progress(share=0.1 * len(stories) / count, doing="writing stories")
    config = checkpoint.config
    streams = yield from streams_at_words(checkpoint, stories, begin=0.1, end=0.8)
    acts = np.stack(
        [
            activations_at_words(config, block, stream)
            for block, stream in zip(checkpoint.weights.blocks, streams, strict=True)
        ]
    )
    words = Mentions.of(stories)
    even = words.story % 2 == 0
    chosen = [neuron] if neuron is not None else best_neurons(acts[:, :, even], words.at(even))
    yield Progress(share=0.9, doing="testing neurons")
    pairs = pair_activations(checkpoint, chosen)
    acts, words = acts[:, :, ~even], words.at(~even)
    bar = shuffled_bar(acts, words, seed)
    return ProtagonistTest(
        address=checkpoint.address,
        stories=count,
        trials=tuple(
            try_neuron(acts[layer, one], words, bar, pairs[:, at], config, layer=layer, neuron=one)
            for at, (layer, one) in enumerate(chosen)
        ),
    )


def best_neurons(
    acts: Float[np.ndarray, "layer neuron word"], words: Mentions, k: int = TRIED
) -> list[tuple[int, int]]:
    """The k (layer, neuron) that are best at first mentions, by the mean of two AUCs.

    First mentions against other words at the same place, and against later mentions: so that neither
    a neuron for any name nor one for the beginning of a story is chosen where there is a better. One
    that does not fire more often at first mentions than at those words comes after all that do.
    """
    flat = acts.reshape(-1, acts.shape[2])
    sides = words.sides((FIRST_NAMED, FIRST_PLAIN), ORDINARY)
    fires = rates(flat[:, sides.there] > 0, sides.positive, sides.strata, sides.story)
    scores = []
    for low in (ORDINARY, LATER):
        sides = words.sides((FIRST_NAMED, FIRST_PLAIN), low)
        ranks = centred_ranks(flat[:, sides.there], sides.strata)
        scores.append(auc(ranks, sides.positive[:, None], sides.strata)[0])
    score = np.mean(scores, axis=0) - (fires.on <= fires.elsewhere)
    order = np.argsort(-np.nan_to_num(score, nan=-1.0))[:k]
    return [(int(at) // acts.shape[1], int(at) % acts.shape[1]) for at in order]


def shuffled_bar(acts: Float[np.ndarray, "layer neuron word"], words: Mentions, seed: int) -> float:
    """The AUC of first mentions that the luckiest of all neurons reaches with labels shuffled."""
    sides = words.sides((FIRST_NAMED, FIRST_PLAIN), ORDINARY)
    ranks = centred_ranks(acts.reshape(-1, acts.shape[2])[:, sides.there], sides.strata)
    labels = sides.positive[:, None]
    distances = shuffled_distances(ranks, labels, sides.strata, sides.groups, seed=seed)
    return float(luck(distances).bar[0])


def try_neuron(
    acts: Float[np.ndarray, "word"],
    words: Mentions,
    bar: float,
    pairs: Float[np.ndarray, "sentence"],
    config: ModelConfig,
    *,
    layer: int = 0,
    neuron: int = 0,
) -> Trial:
    """Test one neuron by its `ranked_hook` on words, and at the ends of `minimal_pairs`."""
    contrasts, fires_more = [], []
    for name, (high, low) in CONTRASTS.items():
        sides = words.sides((high,), low)
        here, count = acts[None, sides.there], int(sides.positive.sum())
        found = separated(here, sides.positive, sides.strata, sides.story)
        contrasts.append(
            Estimate(
                name=name,
                value=float(found.auc[0]),
                low=float(found.low[0]),
                high=float(found.high[0]),
                count=count,
            )
        )
        fires = rates(here > 0, sides.positive, sides.strata, sides.story)
        fires_more.append(
            Estimate(
                name=name,
                value=float(fires.on[0] - fires.elsewhere[0]),
                low=float(fires.low[0]),
                high=float(fires.high[0]),
                count=count,
            )
        )
    said, said_in_pairs = (
        fired(config, torch.from_numpy(some.astype(np.float32))).numpy() for some in (acts, pairs)
    )

    def by_group(values: Float[np.ndarray, "word"]) -> tuple[Estimate, ...]:
        return tuple(
            _mean(name, values[on].astype(float), words.story[on])
            for name, on in zip(GROUPS, words.labels.T, strict=True)
        )

    means, effects = by_group(said), pair_effects(said_in_pairs)
    return Trial(
        layer=layer,
        neuron=neuron,
        means=means,
        fires=tuple(
            replace(one, low=max(one.low, 0.0), high=min(one.high, 1.0))
            for one in by_group((acts > 0).astype(np.float32))
        ),
        contrasts=tuple(contrasts),
        fires_more=tuple(fires_more),
        effects=effects,
        conditions=condition_means(said_in_pairs),
        bar=bar,
        verdict=verdict(means, contrasts, fires_more, effects, bar),
    )


def verdict(
    means: Sequence[Estimate],
    contrasts: Sequence[Estimate],
    fires_more: Sequence[Estimate],
    effects: Sequence[Estimate],
    bar: float,
) -> str:
    """What the neuron wants: the first of `RULES` that applies."""
    of = {one.name: one for one in (*means, *contrasts, *effects)}
    fires = {one.name: one.low > 0 for one in fires_more}

    def clear(name: str, least: float = CLEAR) -> bool:
        return of[name].low > 0.5 and of[name].value >= least

    bar = max(bar, CLEAR)
    if not any(clear(name, bar) and fires[name] for name in (NAMED_OR_WORD, PLAIN_OR_WORD)):
        return NONE_FOUND
    if not (clear(NAMED_OR_LATER) or clear(PLAIN_OR_LATER)):
        return ANY_NAME
    enough = ENOUGH * rise(means)
    for name, found in ((MENTION, FIRST_MENTION), (NAMED, AFTER_NAMED)):
        if of[name].low > 0 and of[name].value >= enough:
            return found
    return EARLY


def rise(means: Sequence[Estimate]) -> float:
    """By how much first mentions, of the kind that excites it more, are above later ones in stories."""
    of = {one.name: one.value for one in means}
    return max(of[FIRST_NAMED], of[FIRST_PLAIN]) - of[LATER]


def pair_activations(
    checkpoint: Checkpoint, neurons: Sequence[tuple[int, int]]
) -> Float[np.ndarray, "sentence neuron"]:
    """`ranked_hook` of some neurons where the last word of each of `minimal_pairs` begins."""
    tokenizer = checkpoint.tokenizer
    sentences = [
        [*tokenizer.encode_story(pair.before), *tokenizer.encode(f" {pair.word}")[:1]]
        for pair in minimal_pairs()
    ]
    found = []
    for first in range(0, len(sentences), 64):
        for act in activations(checkpoint, sentences[first : first + 64]):
            found.append([float(act[layer, -1, neuron]) for layer, neuron in neurons])
    return np.array(found)


def pair_effects(acts: Float[np.ndarray, "sentence"]) -> tuple[Estimate, ...]:
    """What each cause adds to the activation where all else is alike, over names.

    A name in its second time without "named" is the ground the first two stand on.
    """
    by = {condition: _by_word(acts, condition) for condition in Condition}
    ordinary = by[Condition.WORD_PLAIN].mean()
    return (
        _mean(MENTION, by[Condition.FIRST_PLAIN] - by[Condition.AGAIN_PLAIN], None),
        _mean(NAMED, by[Condition.AGAIN_NAMED] - by[Condition.AGAIN_PLAIN], None),
        _mean(NAMED_WORD, by[Condition.WORD_NAMED] - by[Condition.WORD_PLAIN], None),
        _mean(NAME, by[Condition.AGAIN_PLAIN] - ordinary, None),
    )


def condition_means(acts: Float[np.ndarray, "sentence"]) -> tuple[Estimate, ...]:
    """The mean activation in each condition of the sentences, over names or words."""
    return tuple(_mean(name.value, _by_word(acts, name), None) for name in Condition)


def _by_word(
    acts: Float[np.ndarray, "sentence"], condition: Condition
) -> Float[np.ndarray, "different"]:
    """The mean activation of each word in a condition, over its sentences, in the words' order."""
    found: dict[str, list[float]] = {}
    for act, pair in zip(acts, minimal_pairs(), strict=True):
        if pair.condition is condition:
            found.setdefault(pair.word, []).append(float(act))
    return np.array([np.mean(values) for values in found.values()])


def _mean(
    name: str, values: Float[np.ndarray, "word"], story: Int[np.ndarray, "word"] | None
) -> Estimate:
    """A mean whose error is summed by story, or by value where no story is given."""
    if len(values) == 0:
        return Estimate(name=name, value=np.nan, low=np.nan, high=np.nan, count=0)
    mean = float(values.mean())
    _, group = np.unique(np.arange(len(values)) if story is None else story, return_inverse=True)
    off = np.bincount(group, weights=values - mean)
    count = len(off)
    error = float(np.sqrt(count / max(count - 1, 1) * (off**2).sum()) / len(values))
    wide = SURE * error if count > 1 else np.nan
    return Estimate(name=name, value=mean, low=mean - wide, high=mean + wide, count=len(values))
