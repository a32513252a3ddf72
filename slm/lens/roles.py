"""Do neurons have roles? Every neuron against every label, chosen on some words and tried on others.

A neuron's role is chosen on one half of the stories, and there on one half of the different words. It
is confirmed where the other half of the stories says so twice: the AUC's whole interval lies above
all that shuffled labels reach, and the AUC over the words that were not chosen on, each counted once,
is one that chance reaches once in a hundred. The second is what a detector of a few words fails.
Words are only compared with words at about the same place of a story.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from slm.errors import BadInput
from slm.lens.neurons import activations
from slm.lens.separation import SURE, auc, centred_ranks, luck, separated, shuffled
from slm.progress import Progress
from slm.runs import Address, Checkpoint
from slm.stories.labelled import LabelledStory, first_pieces

STORIES = 80
"""Stories that are read where nothing else is said."""
FEWEST = 10
"""Words of a label that each half must hold for it to be scored."""
PLACES = (8, 16, 32, 64, 128)
"""Where one stretch of a story ends and the next begins, in tokens: each twice as long as the last."""
SHOWN = 12
"""Neurons of each label that get an interval whether they are confirmed or not."""
CONTROLS = 3
"""How often the whole procedure is repeated on labels that mean nothing."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
AT_ONCE = 8
NONE = -1


@dataclass(frozen=True, kw_only=True, eq=False)
class Words:
    """The first tokens of all words of some stories, story by story; every array is [word].

    `which` numbers the different words (by their first piece, in small letters), `place` is the
    stretch of the story that the word stands in.
    """

    story: Int[np.ndarray, "word"]
    place: Int[np.ndarray, "word"]
    which: Int[np.ndarray, "word"]
    labels: Bool[np.ndarray, "word label"]
    names: tuple[str, ...]

    @property
    def groups(self) -> Int[np.ndarray, "word"]:
        """The same for words in the same stretch of the same story, within which labels are shuffled."""
        return self.story * (len(PLACES) + 1) + self.place


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerRoles:
    """How the neurons of a layer fare; NaN where a label is too rare, or no interval was asked for.

    `choosing` is the AUC on the first half of stories and words, `held_out` on the second half of the
    stories with its interval, `unseen` over the second half's words that were not chosen on, each
    counted once, and `same_word` with the word held fixed (0.5 for a mere detector of words).
    `role` is the label chosen for each neuron, -1 for none; `confirmed` whether it held. `quantiles`
    (5, 25, 50, 75, 95 %) are of activations on each label's words in the second half. `shuffled_share`
    and `dealt_share` are the shares that pass with labels shuffled within stories and dealt to other
    words.
    """

    choosing: Float[np.ndarray, "label neuron"]
    held_out: Float[np.ndarray, "label neuron"]
    low: Float[np.ndarray, "label neuron"]
    high: Float[np.ndarray, "label neuron"]
    unseen: Float[np.ndarray, "label neuron"]
    same_word: Float[np.ndarray, "label neuron"]
    role: Int[np.ndarray, "neuron"]
    confirmed: Bool[np.ndarray, "neuron"]
    bar: Float[np.ndarray, "label"]
    unseen_bar: Float[np.ndarray, "label"]
    quantiles: Float[np.ndarray, "label neuron five"]
    shuffled_share: float
    dealt_share: float

    @property
    def share(self) -> float:
        """The share of neurons whose role is confirmed."""
        return float(self.confirmed.mean())

    def confirmed_for(self, label: int) -> Bool[np.ndarray, "neuron"]:
        """Neurons whose confirmed role is this label."""
        return self.confirmed & (self.role == label)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """How one neuron fares with one label; the numbers are those of `LayerRoles`."""

    layer: int
    neuron: int
    label: str
    auc: float
    low: float
    high: float
    unseen: float
    same_word: float
    confirmed: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Roles:
    """Every layer's neurons against every label. `counts` are words of each label in the second half."""

    address: Address
    names: tuple[str, ...]
    layers: tuple[LayerRoles, ...]
    stories: int
    words: int
    counts: Int[np.ndarray, "label"]
    different: Int[np.ndarray, "label"]

    def best(self, label: int, k: int = SHOWN) -> list[Finding]:
        """The k neurons that separated a label best where roles are chosen; none for a rare label."""
        stacked = np.stack([layer.choosing[label] for layer in self.layers])
        if np.isnan(stacked).all():
            return []
        order = np.argsort(-stacked, axis=None)[:k]
        return [self.finding(label, *map(int, divmod(at, stacked.shape[1]))) for at in order]

    def finding(self, label: int, layer: int, neuron: int) -> Finding:
        """How one neuron fares with one label."""
        there = self.layers[layer]
        return Finding(
            layer=layer,
            neuron=neuron,
            label=self.names[label],
            auc=float(there.held_out[label, neuron]),
            low=float(there.low[label, neuron]),
            high=float(there.high[label, neuron]),
            unseen=float(there.unseen[label, neuron]),
            same_word=float(there.same_word[label, neuron]),
            confirmed=bool(there.confirmed_for(label)[neuron]),
        )

    def confirmed(self) -> list[Finding]:
        """Every neuron whose role is confirmed, the clearest first."""
        found = [
            self.finding(int(there.role[neuron]), layer, int(neuron))
            for layer, there in enumerate(self.layers)
            for neuron in np.flatnonzero(there.confirmed)
        ]
        return sorted(found, key=lambda one: -one.low)

    def confirmed_for(self, label: int) -> int:
        """How many neurons have this label as their confirmed role."""
        return sum(int(there.confirmed_for(label).sum()) for there in self.layers)


def words_of(
    stories: Sequence[LabelledStory], names: tuple[str, ...], pieces: Sequence[str]
) -> Words:
    """Put the words of stories one after the other. `pieces` are `first_pieces` of the stories."""
    _, which = np.unique(np.array(pieces, dtype=object).astype(str), return_inverse=True)
    places = np.concatenate([np.array(story.places, dtype=np.int64) for story in stories])
    return Words(
        story=np.repeat(np.arange(len(stories)), [len(story.places) for story in stories]),
        place=np.digitize(places, PLACES),
        which=which,
        labels=np.concatenate([story.labels for story in stories]),
        names=names,
    )


def activations_at_words(
    checkpoint: Checkpoint, stories: Sequence[LabelledStory]
) -> Iterator[tuple[float, list[tuple[int, Float[np.ndarray, "layer neuron word"]]]]]:
    """`hook_post` of all neurons where each story's words begin, in 16 bits, some stories at a time.

    Yields the share of stories read, and (story, activations) of those read now. Stories of like
    length are read together.
    """
    order = sorted(range(len(stories)), key=lambda index: len(stories[index].tokens))
    for first in range(0, len(order), AT_ONCE):
        some = order[first : first + AT_ONCE]
        acts = activations(checkpoint, [stories[index].tokens for index in some])
        yield (
            (first + len(some)) / len(order),
            [
                (index, act[:, list(stories[index].places)].transpose(1, 2).half().numpy())
                for index, act in zip(some, acts, strict=True)
            ],
        )


def score_roles(
    checkpoint: Checkpoint,
    stories: Iterable[LabelledStory],
    names: tuple[str, ...],
    *,
    seed: int = 0,
) -> Generator[Progress, None, Roles]:
    """Score every neuron against every label of `names`.

    Raises `BadInput` for fewer than four stories, which cannot be halved and told apart.
    """
    there: list[LabelledStory] = []
    for story in stories:
        there += [story] if story.places else []
        yield Progress(share=0.0, doing="preparing stories")
    stories = there
    if len(stories) < 4:
        raise BadInput(f"roles are scored on at least 4 stories with words, not {len(stories)}")
    words = words_of(stories, names, first_pieces(checkpoint.tokenizer, stories))
    parts: list[Float[np.ndarray, "layer neuron word"] | None] = [None] * len(stories)
    for share, read in activations_at_words(checkpoint, stories):
        for index, act in read:
            parts[index] = act
        yield Progress(share=0.5 * share, doing="reading stories")
    layers = []
    for layer in range(checkpoint.config.n_layers):
        acts = np.concatenate([part[layer] for part in parts if part is not None], axis=1)
        layers.append(score_layer(acts, words, seed=seed))
        share = 0.5 + 0.5 * (layer + 1) / checkpoint.config.n_layers
        yield Progress(share=share, doing="scoring neurons")
    second = second_stories(words)
    return Roles(
        address=checkpoint.address,
        names=names,
        layers=tuple(layers),
        stories=len(stories),
        words=len(words.story),
        counts=words.labels[second].sum(0),
        different=np.array([len(np.unique(words.which[second & on])) for on in words.labels.T]),
    )


def second_stories(words: Words) -> Bool[np.ndarray, "word"]:
    """Words of every other story: the half that roles are confirmed on."""
    return words.story % 2 == 1


def second_words(words: Words) -> Bool[np.ndarray, "word"]:
    """Half of the different words, so that each label's are shared out about evenly.

    Within each label, its words by how often they occur go to the halves as in A B B A A B B A.
    """
    kinds = int(words.which.max()) + 1
    table = np.zeros((kinds, words.labels.shape[1] + 1), dtype=np.int64)
    np.add.at(table[:, 1:], words.which, words.labels)
    mostly = np.where(table.any(1), table.argmax(1), 0)
    often = np.bincount(words.which, minlength=kinds)
    second = np.zeros(kinds, dtype=bool)
    for label in np.unique(mostly):
        mine = np.flatnonzero(mostly == label)
        mine = mine[np.argsort(-often[mine], kind="stable")]
        second[mine] = np.isin((np.arange(len(mine)) + label) % 4, (1, 2))
    return second[words.which]


def score_layer(
    acts: Float[np.ndarray, "neuron word"], words: Words, *, seed: int = 0
) -> LayerRoles:
    """Score the neurons of a layer, given their activations where the words begin."""
    later, unseen = second_stories(words), second_words(words)
    choosing, trying = Part(acts, words, ~later & ~unseen), Part(acts, words, later)
    rare = np.minimum(choosing.labels.sum(0), trying.labels.sum(0)) < FEWEST
    chance = luck(trying.centred, trying.labels, trying.place, trying.groups, seed=seed)
    fresh = trying.each_word_once(unseen, words.labels)
    fresh_bar = luck(*fresh, np.zeros(len(fresh[1]), dtype=int), seed=seed).one_in_a_hundred

    first = _without(rare, choosing.auc(words.labels))
    held_out = _without(rare, trying.auc(words.labels))
    over_unseen = _without(rare, auc(*fresh))
    low, high = np.full(held_out.shape, np.nan), np.full(held_out.shape, np.nan)
    role = choose(first, choosing.labels)
    for label in np.flatnonzero(~rare):
        best = np.argsort(-np.nan_to_num(first[label], nan=-1.0))[:SHOWN]
        asked = np.union1d(np.flatnonzero(role == label), best)
        found = separated(trying.acts[asked], trying.labels[:, label], trying.place, trying.story)
        low[label, asked], high[label, asked] = found.low, found.high
    mixed = of_both_kinds(trying.labels, trying.which)  # elsewhere the word decides
    by_word = centred_ranks(trying.acts[:, mixed], trying.which[mixed])
    neurons = np.arange(len(role))
    confirmed = (
        (role != NONE)
        & (low[role, neurons] > chance.bar[role])
        & (over_unseen[role, neurons] > fresh_bar[role])
    )

    def passing(dealt: Bool[np.ndarray, "word label"]) -> float:
        """The share that passes where labels mean nothing; intervals left out, so rather too many."""
        picked = choose(_without(rare, choosing.auc(dealt)), dealt[choosing.at])
        passed = (picked != NONE) & (trying.auc(dealt)[picked, neurons] > chance.bar[picked])
        if passed.any():
            once = auc(*trying.each_word_once(unseen, dealt))
            passed &= once[picked, neurons] > fresh_bar[picked]
        return float(passed.mean())

    draw = np.random.default_rng(seed + 1)
    in_stories = [passing(shuffled(words.labels, words.groups, draw)) for _ in range(CONTROLS)]
    to_words = [passing(dealt_to_words(words, draw)) for _ in range(CONTROLS)]
    return LayerRoles(
        choosing=first,
        held_out=held_out,
        low=low,
        high=high,
        unseen=over_unseen,
        same_word=_without(rare, auc(by_word, trying.labels[mixed], trying.which[mixed])),
        role=role,
        confirmed=confirmed,
        bar=_without(rare, chance.bar),
        unseen_bar=_without(rare, fresh_bar),
        quantiles=trying.quantiles(),
        shuffled_share=float(np.mean(in_stories)),
        dealt_share=float(np.mean(to_words)),
    )


def of_both_kinds(
    labels: Bool[np.ndarray, "word label"], which: Int[np.ndarray, "word"]
) -> Bool[np.ndarray, "word"]:
    """Words that have some label at one place and not at another."""
    kinds = int(which.max()) + 1
    with_label = np.zeros((kinds, labels.shape[1]), dtype=int)
    np.add.at(with_label, which, labels)
    often = np.bincount(which, minlength=kinds)[:, None]
    mixed = np.any((with_label > 0) & (with_label < often), axis=1)
    return np.asarray(mixed)[which]


class Part:
    """Some of the words, with every neuron's activations there and their centred ranks."""

    def __init__(
        self, acts: Float[np.ndarray, "neuron all"], words: Words, at: Bool[np.ndarray, "all"]
    ) -> None:
        self.at, self.acts = at, acts[:, at]
        self.labels, self.which = words.labels[at], words.which[at]
        self.story, self.place, self.groups = words.story[at], words.place[at], words.groups[at]
        self.centred = centred_ranks(self.acts, self.place)

    def auc(self, labels: Bool[np.ndarray, "all label"]) -> Float[np.ndarray, "label neuron"]:
        """AUC of every neuron for labels of all words, of which only its own count."""
        return auc(self.centred, labels[self.at], self.place)

    def quantiles(self) -> Float[np.ndarray, "label neuron five"]:
        """Quantiles of each neuron's activations on each label's words; NaN for a label without any."""
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
        """What `auc` takes, over the different words among `some`: a word and its labels, once each."""
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
    """Each neuron's label: where AUC less its error is highest and above one half; else -1.

    The error is Hanley and McNeil's (1982), so that a rare label must be ahead by more.
    """
    positive = labels.sum(0)[:, None].astype(float)
    other = len(labels) - positive
    with np.errstate(invalid="ignore", divide="ignore"):
        q1, q2 = found / (2 - found), 2 * found**2 / (1 + found)
        spread = (
            found * (1 - found) + (positive - 1) * (q1 - found**2) + (other - 1) * (q2 - found**2)
        )
        surely = found - SURE * np.sqrt(np.maximum(spread, 0) / (positive * other))
    surely = np.nan_to_num(surely, nan=-1.0)
    return np.where(surely.max(0) > 0.5, surely.argmax(0), NONE)


def dealt_to_words(words: Words, generator: np.random.Generator) -> Bool[np.ndarray, "word label"]:
    """Labels dealt to other words: all places of a word get what one other word's places have.

    So each word keeps being of few kinds, wherever it stands, and none of them means anything.
    """
    order = np.argsort(words.which, kind="stable")
    starts = np.searchsorted(words.which[order], np.arange(words.which.max() + 1))
    often = np.bincount(words.which)
    second = np.zeros(len(often), dtype=bool)
    second[words.which] = second_words(words)
    giver = np.empty(len(often), dtype=int)
    for half in (np.flatnonzero(second), np.flatnonzero(~second)):
        giver[half] = generator.permutation(half)
    gives = giver[words.which]
    return words.labels[order[starts[gives] + generator.integers(0, often[gives])]]


def _without(
    rare: Bool[np.ndarray, "label"], values: Float[np.ndarray, "label *rest"]
) -> Float[np.ndarray, "label *rest"]:
    """`values` with NaN for rare labels."""
    values = values.copy()
    values[rare] = np.nan
    return values
