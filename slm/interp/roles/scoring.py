"""Scores of every neuron for every label, chosen on some words and confirmed on others.

A neuron's role is chosen on one half of the stories, and there on one half of the different words. It
is confirmed where the other half of the stories says so three times: the AUC's whole interval lies
above all that shuffled labels reach; the AUC over the words that were not chosen on, each counted
once, is one that chance reaches once in a hundred, which a detector of a few words fails; and the
neuron surely fires more often there than elsewhere, which one that is only less inhibited fails.
Words are only compared with words at about the same place of a story. What is ranked is
`ranked_hook`, the pre-activation of an ungated neuron, and a neuron fires where it is above 0.

A role may also be of words that inhibit the neuron: the same on the low side, with less firing for
more. The two kinds are counted apart, and both stand beside what random directions come to.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from slm.errors import BadInput
from slm.interp.neurons.activations import ranked_hook
from slm.interp.roles.confirming import Evidence, RoleKind, RoleScores, without
from slm.interp.roles.labelled_words import (
    LabelledWords,
    activations_at_words,
    dealt_to_words,
    held_out_stories,
    of_both_kinds,
    streams_at_words,
    words_of,
)
from slm.interp.roles.random_directions import firing_as_often, random_directions
from slm.progress import Progress
from slm.runs import Address, Checkpoint
from slm.stats.interval import Interval
from slm.stats.permutation import permute_labels
from slm.stats.proportions import Proportion, difference, total
from slm.stats.roc_auc import centred_ranks, roc_auc
from slm.stories.annotation.labelled import LabelledStory, first_str_tokens

STORIES = 80
"""Stories that are read where nothing else is said."""
SHOWN = 12
"""Neurons of each label that get an interval whether they are confirmed or not."""
CONTROLS = 3
"""How often the whole procedure is repeated on labels that mean nothing, and on random directions."""
READING = 0.2
"""The share of the work that reading stories is."""

ABOVE = "neurons are confirmed more often than random directions that read the same stream."
CARRIED = (
    "the residual stream carries these roles; single neurons are no more aligned with them than "
    "random directions."
)
NEITHER = (
    "neither neurons nor random directions are confirmed more often than with meaningless labels."
)


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerRoles(RoleScores):
    """Scores of the neurons of a layer, and of the nulls and random directions.

    `same_word` is the AUC of the second half of the stories with the word held fixed (0.5 for a mere
    detector of words). `quantiles` (5, 25, 50, 75, 95 %) are of `ranked_hook` on each label's words
    in the second half. `shuffled` and `dealt` tell how many neurons are confirmed, by the whole
    procedure, with labels shuffled within stories and dealt to other words; `random_directions` how
    many of those are with the true labels.
    """

    same_word: Float[np.ndarray, "label neuron"]
    quantiles: Float[np.ndarray, "label neuron five"]
    shuffled: Proportion
    dealt: Proportion
    random_directions: Proportion

    @property
    def share(self) -> Proportion:
        """The proportion of neurons with a confirmed role."""
        return Proportion(hits=int(self.confirmed.sum()), count=len(self.confirmed))

    @property
    def null_share(self) -> Proportion:
        """The proportion confirmed under the null: the larger of the two nulls."""
        return max(self.shuffled, self.dealt, key=lambda share: share.value)

    @property
    def above_random(self) -> Interval:
        """The share of confirmed neurons less that of random directions."""
        return difference(self.share, self.random_directions)

    def confirmed_for(self, label: int) -> Bool[np.ndarray, "neuron"]:
        """Return the neurons whose confirmed role is this label."""
        return self.confirmed & (self.role == label)

    def to_json(self) -> dict[str, Any]:
        """Return the shares that are confirmed, of neurons and of their controls."""
        return {
            "share": self.share,
            "shuffled_share": self.shuffled,
            "dealt_share": self.dealt,
            "random_directions_share": self.random_directions,
            "above_random_directions": self.above_random,
        }


@dataclass(frozen=True, kw_only=True)
class NeuronRole:
    """One neuron's scores for one label; the numbers are those of `LayerRoles`."""

    layer: int
    neuron: int
    label: str
    auc: float
    low: float
    high: float
    unseen: float
    same_word: float
    fires_on_role: float
    fires_elsewhere: float
    confirmed: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Roles:
    """Every layer's neurons against every label, as one kind of role.

    `hook` is what is ranked. `counts` are words of each label in the second half, `different` the
    different ones.
    """

    address: Address
    kind: RoleKind
    hook: str
    names: tuple[str, ...]
    layers: tuple[LayerRoles, ...]
    stories: int
    words: int
    counts: Int[np.ndarray, "label"]
    different: Int[np.ndarray, "label"]

    @property
    def beside_random(self) -> str:
        """A sentence on the layers whose neurons are significantly above random directions."""
        above = [
            at
            for at, layer in enumerate(self.layers)
            if layer.above_random.low > 0 and difference(layer.share, layer.null_share).low > 0
        ]
        carried = [
            at
            for at, layer in enumerate(self.layers)
            if at not in above and difference(layer.random_directions, layer.null_share).low > 0
        ]
        rest = [at for at in range(len(self.layers)) if at not in (*above, *carried)]
        said = []
        for layers, sentence in ((above, ABOVE), (carried, CARRIED), (rest, NEITHER)):
            if layers:
                where = "" if len(layers) == len(self.layers) > 1 else f"{_listed(layers)}: "
                said.append(where + sentence)
        return " ".join(one[0].upper() + one[1:] for one in said)

    @property
    def confirmed_share(self) -> Proportion:
        """The proportion of all neurons with a confirmed role."""
        return total(layer.share for layer in self.layers)

    @property
    def random_share(self) -> Proportion:
        """The proportion of all random directions with a confirmed role."""
        return total(layer.random_directions for layer in self.layers)

    def best(self, label: int, k: int = SHOWN) -> list[NeuronRole]:
        """Return the k neurons with the highest choosing AUC for a label; empty for a rare label."""
        stacked = np.stack([layer.choosing[label] for layer in self.layers])
        if np.isnan(stacked).all():
            return []
        order = np.argsort(-stacked, axis=None)[:k]
        return [self.finding(label, *map(int, divmod(at, stacked.shape[1]))) for at in order]

    def finding(self, label: int, layer: int, neuron: int) -> NeuronRole:
        """Return one neuron's scores for one label."""
        there = self.layers[layer]
        return NeuronRole(
            layer=layer,
            neuron=neuron,
            label=self.names[label],
            auc=float(there.held_out[label, neuron]),
            low=float(there.low[label, neuron]),
            high=float(there.high[label, neuron]),
            unseen=float(there.unseen[label, neuron]),
            same_word=float(there.same_word[label, neuron]),
            fires_on_role=float(there.fires_on_role[label, neuron]),
            fires_elsewhere=float(there.fires_elsewhere[label, neuron]),
            confirmed=bool(there.confirmed_for(label)[neuron]),
        )

    def confirmed(self) -> list[NeuronRole]:
        """Return every neuron with a confirmed role, the clearest first."""
        found = [
            self.finding(int(there.role[neuron]), layer, int(neuron))
            for layer, there in enumerate(self.layers)
            for neuron in np.flatnonzero(there.confirmed)
        ]
        return sorted(found, key=lambda one: -one.low)

    def confirmed_for(self, label: int) -> int:
        """Count the neurons whose confirmed role is this label."""
        return sum(int(there.confirmed_for(label).sum()) for there in self.layers)

    def to_json(self, best: int = SHOWN) -> dict[str, Any]:
        """Return every layer's shares, all confirmed neurons, and the `best` of each label."""
        return {
            "address": str(self.address),
            "kind": self.kind,
            "ranked": self.hook,
            "stories": self.stories,
            "words": self.words,
            "layers": self.layers,
            "beside_random_directions": self.beside_random,
            "labels": [
                {
                    "label": name,
                    "words": int(self.counts[label]),
                    "different_words": int(self.different[label]),
                    "confirmed_neurons": self.confirmed_for(label),
                    "best": self.best(label, best),
                }
                for label, name in enumerate(self.names)
            ],
            "confirmed": self.confirmed(),
        }


def _listed(layers: Sequence[int]) -> str:
    *most, last = map(str, layers)
    return f"layers {', '.join(most)} and {last}" if most else f"layer {last}"


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoredRoles:
    """The roles of words that excite neurons, and of words that inhibit them."""

    excited: Roles
    inhibited: Roles

    def of(self, kind: RoleKind) -> Roles:
        """Return the roles of one kind."""
        return self.excited if kind is RoleKind.EXCITED else self.inhibited

    def to_json(self, best: int = SHOWN) -> dict[str, Any]:
        """Return both kinds of roles, each as `Roles.to_json` does."""
        return {"excited": self.excited.to_json(best), "inhibited": self.inhibited.to_json(best)}


def score_roles(
    checkpoint: Checkpoint,
    stories: Iterable[LabelledStory],
    names: tuple[str, ...],
    *,
    seed: int = 0,
) -> Generator[Progress, None, ScoredRoles]:
    """Score every neuron against every label of `names`, and random directions beside them.

    Raises `BadInput` for fewer than four stories, which cannot be halved and told apart.
    """
    there: list[LabelledStory] = []
    for story in stories:
        there += [story] if story.places else []
        yield Progress(share=0.0, doing="preparing stories")
    stories = there
    if len(stories) < 4:
        raise BadInput(f"roles are scored on at least 4 stories with words, not {len(stories)}")
    config, blocks = checkpoint.config, checkpoint.weights.blocks
    words = words_of(stories, names, first_str_tokens(checkpoint.tokenizer, stories))
    streams = yield from streams_at_words(checkpoint, stories, begin=0.0, end=READING)
    layers: dict[RoleKind, list[LayerRoles]] = {kind: [] for kind in RoleKind}
    draw = torch.Generator().manual_seed(seed)
    steps, done = len(blocks) * (CONTROLS + 1), 0
    for layer, block in enumerate(blocks):
        acts = activations_at_words(config, block, streams[layer])
        passed: dict[RoleKind, list[Proportion]] = {kind: [] for kind in RoleKind}
        for _ in range(CONTROLS):
            control = activations_at_words(config, random_directions(block, draw), streams[layer])
            evidence = Evidence(firing_as_often(control, acts), words, seed=seed)
            for kind, confirmed in evidence.confirmed(words.labels).items():
                passed[kind].append(confirmed)
            done += 1
            share = READING + (1 - READING) * done / steps
            yield Progress(share=share, doing=f"scoring random directions of layer {layer}")
        random = {kind: total(shares) for kind, shares in passed.items()}
        for kind, scored in score_layer(acts, words, random, seed=seed).items():
            layers[kind].append(scored)
        done += 1
        share = READING + (1 - READING) * done / steps
        yield Progress(share=share, doing=f"scoring neurons of layer {layer}")
    second = held_out_stories(words)

    def of(kind: RoleKind) -> Roles:
        return Roles(
            address=checkpoint.address,
            kind=kind,
            hook=ranked_hook(config),
            names=names,
            layers=tuple(layers[kind]),
            stories=len(stories),
            words=len(words.story),
            counts=words.labels[second].sum(0),
            different=np.array([len(np.unique(words.which[second & on])) for on in words.labels.T]),
        )

    return ScoredRoles(excited=of(RoleKind.EXCITED), inhibited=of(RoleKind.INHIBITED))


def score_layer(
    acts: Float[np.ndarray, "neuron word"],
    words: LabelledWords,
    random_directions: Mapping[RoleKind, Proportion],
    *,
    seed: int = 0,
) -> dict[RoleKind, LayerRoles]:
    """Score the neurons of a layer, given their `ranked_hook` where the words begin."""
    evidence = Evidence(acts, words, seed=seed)
    trying, rare = evidence.trying, evidence.rare
    mixed = of_both_kinds(trying.labels, trying.which)  # elsewhere the word decides
    by_word = centred_ranks(trying.acts[:, mixed], trying.which[mixed])
    same_word = without(rare, roc_auc(by_word, trying.labels[mixed], trying.which[mixed]))
    quantiles = trying.quantiles()
    draw = np.random.default_rng(seed + 1)
    shuffles = [permute_labels(words.labels, words.groups, draw) for _ in range(CONTROLS)]
    deals = [dealt_to_words(words, draw) for _ in range(CONTROLS)]
    nulls = [[evidence.confirmed(labels) for labels in some] for some in (shuffles, deals)]
    aucs = evidence.aucs(words.labels)
    return {
        kind: LayerRoles(
            **vars(evidence.scores(aucs, kind, shown=SHOWN)),
            same_word=kind.of(same_word),
            quantiles=quantiles,
            shuffled=total(found[kind] for found in nulls[0]),
            dealt=total(found[kind] for found in nulls[1]),
            random_directions=random_directions[kind],
        )
        for kind in RoleKind
    }
