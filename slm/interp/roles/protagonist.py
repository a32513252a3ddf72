"""The protagonist test: whether a neuron prefers first mentions, names, or the word before them.

The TinyStories paper shows a neuron that fires where the protagonist is first mentioned (figure 9),
and every hit shown follows "named". Three things come together there: a name, its first time, and the
word "named". The best neurons of a model are chosen on half of the stories and tested on the other
half (`slm.interp.roles.protagonist_trial`).
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from slm.errors import BadInput
from slm.interp.neurons.activations import activations, check_neuron, ranked_hook
from slm.interp.roles.labelled_words import activations_at_words, streams_at_words
from slm.interp.roles.mentions import (
    FIRST_NAMED,
    FIRST_PLAIN,
    LATER,
    ORDINARY,
    Mentions,
    mentions_of,
)
from slm.interp.roles.protagonist_trial import NeuronTrial, try_neuron
from slm.progress import Progress
from slm.runs import Address, Checkpoint
from slm.stats.permutation import permutation_null, permuted_deviations
from slm.stats.rates import event_rates
from slm.stats.roc_auc import centred_ranks, roc_auc
from slm.stories.annotation.minimal_pairs import minimal_pairs
from slm.stories.annotation.nursery import annotated

STORIES = 160
TRIED = 5
"""Neurons that are put to the test: the best on the choosing half."""


@dataclass(frozen=True, kw_only=True)
class ProtagonistTest:
    """The best protagonist-first neurons of a model, the best first, each put to the test.

    `hook` is what neurons are ranked by.
    """

    address: Address
    hook: str
    stories: int
    trials: tuple[NeuronTrial, ...]

    def to_json(self) -> dict[str, Any]:
        """Return all trials with their numbers and verdicts."""
        return {
            "address": str(self.address),
            "ranked": self.hook,
            "stories": self.stories,
            "trials": self.trials,
        }


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
    threshold = null_threshold(acts, words, seed)
    return ProtagonistTest(
        address=checkpoint.address,
        hook=ranked_hook(config),
        stories=count,
        trials=tuple(
            try_neuron(
                acts[layer, one], words, threshold, pairs[:, at], config, layer=layer, neuron=one
            )
            for at, (layer, one) in enumerate(chosen)
        ),
    )


def best_neurons(
    acts: Float[np.ndarray, "layer neuron word"], words: Mentions, k: int = TRIED
) -> list[tuple[int, int]]:
    """Return the k (layer, neuron) with the highest mean of two AUCs of first mentions.

    The AUCs are against ordinary words at the same place and against later mentions, so that neither
    a neuron for any name nor one for the beginning of a story ranks first where there is a better.
    Neurons that do not fire more often at first mentions than at those words come last.
    """
    flat = acts.reshape(-1, acts.shape[2])
    sides = words.sides((FIRST_NAMED, FIRST_PLAIN), ORDINARY)
    fires = event_rates(flat[:, sides.there] > 0, sides.positive, sides.strata, sides.story)
    scores = []
    for low in (ORDINARY, LATER):
        sides = words.sides((FIRST_NAMED, FIRST_PLAIN), low)
        ranks = centred_ranks(flat[:, sides.there], sides.strata)
        scores.append(roc_auc(ranks, sides.positive[:, None], sides.strata)[0])
    score = np.mean(scores, axis=0) - (fires.on <= fires.off)
    order = np.argsort(-np.nan_to_num(score, nan=-1.0))[:k]
    return [(int(at) // acts.shape[1], int(at) % acts.shape[1]) for at in order]


def null_threshold(
    acts: Float[np.ndarray, "layer neuron word"], words: Mentions, seed: int
) -> float:
    """Compute the max-T threshold of first mentions' AUC over all neurons, with labels permuted."""
    sides = words.sides((FIRST_NAMED, FIRST_PLAIN), ORDINARY)
    ranks = centred_ranks(acts.reshape(-1, acts.shape[2])[:, sides.there], sides.strata)
    deviations = permuted_deviations(
        ranks, sides.positive[:, None], sides.strata, sides.groups, seed=seed
    )
    return float(permutation_null(deviations).threshold[0])


def pair_activations(
    checkpoint: Checkpoint, neurons: Sequence[tuple[int, int]]
) -> Float[np.ndarray, "sentence neuron"]:
    """Compute `ranked_hook` of some neurons at the last word of each of `minimal_pairs`."""
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
