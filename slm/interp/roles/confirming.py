"""Choose each neuron's role on some words and confirm it on others: one procedure for whatever is scored.

Neurons go through it with their labels, with labels that mean nothing, and random directions with the
labels of the neurons: so that the shares that are confirmed can be compared.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from jaxtyping import Bool, Float, Int

from slm.interp.roles.labelled_words import LabelledWords, held_out_stories, held_out_words
from slm.stats.interval import Z95
from slm.stats.permutation import permutation_null, permuted_deviations
from slm.stats.proportions import Proportion
from slm.stats.rates import event_rates
from slm.stats.roc_auc import centred_ranks, roc_auc, roc_auc_interval

FEWEST = 10
"""Words of a label that each half must hold for it to be scored."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
NONE = -1


class RoleKind(StrEnum):
    """The direction of a role: its words excite a neuron or inhibit it. Both are scored alike."""

    EXCITED = "excited by"
    INHIBITED = "inhibited by"

    @property
    def sign(self) -> int:
        """1 where the role's words have the higher activations, -1 where they have the lower ones."""
        return 1 if self is RoleKind.EXCITED else -1

    def of(self, auc: Float[np.ndarray, "*at"]) -> Float[np.ndarray, "*at"]:
        """Convert an excitation AUC to this kind's: 1 - AUC for inhibition."""
        return auc if self is RoleKind.EXCITED else 1 - auc


@dataclass(frozen=True, kw_only=True, eq=False)
class RoleScores:
    """Scores of neurons for every label, as one kind of role; NaN where a label is too rare.

    AUCs are of the kind: the chance that the word with the label excites (or inhibits) the neuron
    more. `choosing` is of the first half of stories and words, `held_out` of the second half of the
    stories, `unseen` over the second half's words that were not chosen on, each counted once. `low`
    and `high` are the 95 % interval of `held_out`; `fires_on_role` is the share of the label's words
    in the second half on which the neuron fires (is above 0), `fires_elsewhere` that of the other
    words at about the same places of a story; all four are NaN where nobody asked for an interval.
    `role` is the label chosen for each neuron, -1 for none; `confirmed` whether it held.
    """

    choosing: Float[np.ndarray, "label neuron"]
    held_out: Float[np.ndarray, "label neuron"]
    low: Float[np.ndarray, "label neuron"]
    high: Float[np.ndarray, "label neuron"]
    unseen: Float[np.ndarray, "label neuron"]
    fires_on_role: Float[np.ndarray, "label neuron"]
    fires_elsewhere: Float[np.ndarray, "label neuron"]
    role: Int[np.ndarray, "neuron"]
    confirmed: Bool[np.ndarray, "neuron"]
    threshold: Float[np.ndarray, "label"]
    unseen_threshold: Float[np.ndarray, "label"]


@dataclass(frozen=True, kw_only=True, eq=False)
class RoleAucs:
    """The AUCs of `RoleScores`, of excitation, for one set of labels."""

    labels: Bool[np.ndarray, "word label"]
    choosing: Float[np.ndarray, "label neuron"]
    held_out: Float[np.ndarray, "label neuron"]
    unseen: Float[np.ndarray, "label neuron"]


class Evidence:
    """A layer's activations at the words, ranked once for both kinds and any labels."""

    def __init__(
        self, acts: Float[np.ndarray, "neuron word"], words: LabelledWords, *, seed: int = 0
    ) -> None:
        later = held_out_stories(words)
        self.unseen = held_out_words(words)
        self.choosing, self.trying = (
            WordSample(acts, words, ~later & ~self.unseen),
            WordSample(acts, words, later),
        )
        self.rare = np.minimum(self.choosing.labels.sum(0), self.trying.labels.sum(0)) < FEWEST
        trying = self.trying
        by_place = permuted_deviations(
            trying.centred, trying.labels, trying.place, trying.groups, seed=seed
        )
        fresh = trying.each_word_once(self.unseen, words.labels)
        by_word = permuted_deviations(*fresh, np.zeros(len(fresh[1]), dtype=int), seed=seed)
        self._nulls = {
            kind: (permutation_null(kind.sign * by_place), permutation_null(kind.sign * by_word))
            for kind in RoleKind
        }

    def aucs(self, labels: Bool[np.ndarray, "word label"]) -> RoleAucs:
        """Compute every neuron's AUC for labels of all words; NaN for rare labels."""
        return RoleAucs(
            labels=labels,
            choosing=without(self.rare, self.choosing.auc(labels)),
            held_out=without(self.rare, self.trying.auc(labels)),
            unseen=without(self.rare, roc_auc(*self.trying.each_word_once(self.unseen, labels))),
        )

    def confirmed(self, labels: Bool[np.ndarray, "word label"]) -> dict[RoleKind, Proportion]:
        """Count the neurons confirmed with these labels, by kind of role."""
        aucs = self.aucs(labels)
        found = {kind: self.scores(aucs, kind).confirmed for kind in RoleKind}
        return {
            kind: Proportion(hits=int(ones.sum()), count=len(ones)) for kind, ones in found.items()
        }

    def scores(self, aucs: RoleAucs, kind: RoleKind, *, shown: int = 0) -> RoleScores:
        """Choose roles of a kind and confirm them.

        Intervals are worked out where they decide; with `shown`, for every role that was chosen, and
        for so many of each label's best neurons.
        """
        places, fresh = self._nulls[kind]
        choosing, held_out, unseen = map(kind.of, (aucs.choosing, aucs.held_out, aucs.unseen))
        role = choose(choosing, aucs.labels[self.choosing.at])
        neurons = np.arange(len(role))
        confirmed = (
            (role != NONE)
            & (held_out[role, neurons] > places.threshold[role])
            & (unseen[role, neurons] > fresh.p99[role])
        )
        asked = (role != NONE) if shown else confirmed
        low, high, on, elsewhere = (np.full(held_out.shape, np.nan) for _ in range(4))
        labels = aucs.labels[self.trying.at]
        for label in np.flatnonzero(~self.rare):
            best = np.argsort(-np.nan_to_num(choosing[label], nan=-1.0))[:shown]
            some = np.union1d(np.flatnonzero(asked & (role == label)), best)
            if not len(some):
                continue
            strata, story = self.trying.place, self.trying.story
            acts = self.trying.acts[some]
            found = roc_auc_interval(kind.sign * acts, labels[:, label], strata, story)
            fires = event_rates(acts > 0, labels[:, label], strata, story)
            low[label, some], high[label, some] = found.low, found.high
            on[label, some], elsewhere[label, some] = fires.on, fires.off
            surely = (found.low > places.threshold[label]) & (
                (fires.difference.low > 0)
                if kind is RoleKind.EXCITED
                else (fires.difference.high < 0)
            )
            confirmed[some] &= surely | (role[some] != label)
        return RoleScores(
            choosing=choosing,
            held_out=held_out,
            low=low,
            high=high,
            unseen=unseen,
            fires_on_role=on,
            fires_elsewhere=elsewhere,
            role=role,
            confirmed=confirmed,
            threshold=without(self.rare, places.threshold),
            unseen_threshold=without(self.rare, fresh.p99),
        )


class WordSample:
    """Some of the words, with every neuron's activations there and their centred ranks."""

    def __init__(
        self,
        acts: Float[np.ndarray, "neuron all"],
        words: LabelledWords,
        at: Bool[np.ndarray, "all"],
    ) -> None:
        self.at, self.acts = at, acts[:, at]
        self.labels, self.which = words.labels[at], words.which[at]
        self.story, self.place, self.groups = words.story[at], words.place[at], words.groups[at]
        self.centred = centred_ranks(self.acts, self.place)

    def auc(self, labels: Bool[np.ndarray, "all label"]) -> Float[np.ndarray, "label neuron"]:
        """Compute every neuron's AUC from labels of all words, of which the sample's own are used."""
        return roc_auc(self.centred, labels[self.at], self.place)

    def quantiles(self) -> Float[np.ndarray, "label neuron five"]:
        """Compute quantiles of each neuron's activations by label; NaN for a label without words."""
        found = np.full((self.labels.shape[1], len(self.acts), 5), np.nan, dtype=np.float32)
        for label, on in enumerate(self.labels.T):
            if on.any():
                ordered = np.sort(self.acts[:, on].astype(np.float32), axis=1)
                at = np.rint(np.array(QUANTILES) * (ordered.shape[1] - 1)).astype(int)
                found[label] = ordered[:, at]
        return found

    def each_word_once(
        self, some: Bool[np.ndarray, "all"], labels: Bool[np.ndarray, "all label"]
    ) -> tuple[
        Float[np.ndarray, "neuron cell"], Bool[np.ndarray, "cell label"], Int[np.ndarray, "cell"]
    ]:
        """Return `auc`'s inputs with one entry per word and labels among `some`, its ranks averaged."""
        there = some[self.at]
        mine = labels[self.at][there]
        rows = np.concatenate([self.which[there][:, None], mine], axis=1)
        _, first, cell = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(cell.ravel(), kind="stable")
        cuts = np.flatnonzero(np.diff(cell.ravel()[order], prepend=-1))
        sizes = np.bincount(self.place)[self.place[there]]
        means = np.add.reduceat((self.centred[:, there] / sizes)[:, order], cuts, axis=1)
        means /= np.diff(np.append(cuts, len(order)))
        one = np.zeros(len(first), dtype=int)
        return centred_ranks(means, one), mine[first], one


def choose(
    found: Float[np.ndarray, "label neuron"], labels: Bool[np.ndarray, "word label"]
) -> Int[np.ndarray, "neuron"]:
    """Choose each neuron's label by AUC less its standard error; -1 where none exceeds one half.

    The error is Hanley and McNeil's (1982), so that a rare label must be ahead by more.
    """
    positive = labels.sum(0)[:, None].astype(float)
    other = len(labels) - positive
    with np.errstate(invalid="ignore", divide="ignore"):
        q1, q2 = found / (2 - found), 2 * found**2 / (1 + found)
        spread = (
            found * (1 - found) + (positive - 1) * (q1 - found**2) + (other - 1) * (q2 - found**2)
        )
        surely = found - Z95 * np.sqrt(np.maximum(spread, 0) / (positive * other))
    surely = np.nan_to_num(surely, nan=-1.0)
    return np.where(surely.max(0) > 0.5, surely.argmax(0), NONE)


def without(
    rare: Bool[np.ndarray, "label"], values: Float[np.ndarray, "label *rest"]
) -> Float[np.ndarray, "label *rest"]:
    """Set rare labels to NaN."""
    values = values.copy()
    values[rare] = np.nan
    return values
