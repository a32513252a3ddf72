"""Matching of heads and neurons between two models, and the units without a counterpart.

Two units are alike where they do the same on the same stories. Of heads the *patterns* are compared:
the correlation, over every token that looks and every token it can look at, of the square roots of
attention, each row's mean taken out; the first token, which soaks up attention that has nowhere to
go, is left out. Heads that merely spread their attention as widely have 0, the same pattern has 1. Of
neurons the *pre-activations* are correlated over all places (of gated ones the activations, see
`ranked_hook` in `slm.interp.neurons.activations`): cut at zero, as what excites is, fewer neurons
find their own later selves and more of an untrained model's are matched. Where the tokenizers differ,
both are first averaged over the stretches of `slm.comparing.alignment`.

The units are then paired as a whole so that similarity sums to the most (Hungarian method). Pairs
come out of noise too: untrained neurons tell words apart, and any two heads look more at what is
near. So the same is done with a model that has learned nothing, B with the entries of each matrix
shuffled; a pair counts as matched only where it is more alike than 95 % of the pairs with shuffled
models, and than 95 % of the units that were not given to each other.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from slm.comparing.alignment import align, averaging, one_each
from slm.errors import BadInput
from slm.interp.neurons.activations import activations
from slm.model import functional
from slm.model.weights import empty
from slm.runs import Checkpoint

UnitKind = Literal["heads", "neurons"]
Unit = tuple[int, int]
"""(layer, head) or (layer, neuron)."""

SHUFFLES = 2
CHANCE = 0.95


@dataclass(frozen=True, kw_only=True)
class MatchedPair:
    """A unit of A, its match in B, and their similarity (at most 1)."""

    a: Unit
    b: Unit
    similarity: float


@dataclass(frozen=True, kw_only=True)
class UnmatchedUnit:
    """A unit without a match, and the most similar unit of the other model."""

    unit: Unit
    nearest: Unit
    similarity: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Matching:
    """Pairs above `chance`, those most alike first; the other units of A and of B."""

    kind: UnitKind
    chance: float
    pairs: tuple[MatchedPair, ...]
    unmatched_a: tuple[UnmatchedUnit, ...]
    unmatched_b: tuple[UnmatchedUnit, ...]

    def to_json(self) -> dict[str, Any]:
        """Return pairs and unmatched units; a unit is [layer, number]."""
        return {
            "chance": self.chance,
            "in place": self.in_place,
            "pairs": [asdict(pair) for pair in self.pairs],
            "unmatched in a": [asdict(alone) for alone in self.unmatched_a],
            "unmatched in b": [asdict(alone) for alone in self.unmatched_b],
        }

    similarity: Float[np.ndarray, "unit_a unit_b"]

    @property
    def in_place(self) -> int:
        """Pairs of the same layer and number: most of them where B is an earlier step of A."""
        return sum(pair.a == pair.b for pair in self.pairs)


@torch.no_grad()
def match_heads(a: Checkpoint, b: Checkpoint, texts: Sequence[str]) -> Matching:
    """Pair the heads of two models by their patterns on `texts`, each cut to what both can read."""
    others = [b, *(shuffled(b, seed) for seed in range(SHUFFLES))]
    sums = [_Correlation() for _ in others]
    for text in _readable(a, b, texts):
        cut = align(text, a.tokenizer, b.tokenizer)
        ours = _centred(_by_stretch(_patterns(a, text), cut.of_a, len(cut)))
        for other, total in zip(others, sums, strict=True):
            total.add(ours, _centred(_by_stretch(_patterns(other, text), cut.of_b, len(cut))))
    return _matched("heads", a, b, sums)


@torch.no_grad()
def match_neurons(a: Checkpoint, b: Checkpoint, texts: Sequence[str]) -> Matching:
    """Pair the neurons of two models by their `ranked_hook` on `texts`, each cut to what both can read."""
    models = [a, b, *(shuffled(b, seed) for seed in range(SHUFFLES))]
    places: list[list[Tensor]] = [[] for _ in models]
    for text in _readable(a, b, texts):
        cut = align(text, a.tokenizer, b.tokenizer)
        for model, found in zip(models, places, strict=True):
            of = cut.of_a if model is a else cut.of_b
            (acts,) = activations(model, [model.tokenizer.encode_story(text)])
            flat = acts.permute(0, 2, 1).flatten(0, 1)
            if not one_each(of, len(cut)):
                flat = flat @ torch.from_numpy(averaging(of, len(cut))).float().T
            found.append(flat[:, 1:])  # the first token is the same in every story
    ours, *theirs = (torch.cat(found, dim=1) for found in places)
    ours -= ours.mean(1, keepdim=True)
    sums = []
    for acts in theirs:
        sums.append(_Correlation())
        sums[-1].add(ours, acts - acts.mean(1, keepdim=True))
    return _matched("neurons", a, b, sums)


def shuffled(model: Checkpoint, seed: int) -> Checkpoint:
    """Permute the entries within each weight matrix: the untrained control for matching and scores."""
    draw = torch.Generator().manual_seed(seed)
    weights = empty(model.config)
    for (_, leaf), (_, learned) in zip(
        weights.named_parameters(), model.weights.named_parameters(), strict=True
    ):
        order = torch.randperm(learned.numel(), generator=draw)
        leaf.copy_(learned.flatten()[order].view_as(learned))
    return replace(model, weights=weights)


class _Correlation:
    """Correlations of centred rows that come in parts: a story's places at a time."""

    def __init__(self) -> None:
        self.products: Tensor | float = 0.0
        self.a: Tensor | float = 0.0
        self.b: Tensor | float = 0.0

    def add(self, a: Float[Tensor, "unit_a place"], b: Float[Tensor, "unit_b place"]) -> None:
        """Go on with these places."""
        self.products = self.products + (a @ b.T).double()
        self.a = self.a + a.square().sum(1).double()
        self.b = self.b + b.square().sum(1).double()

    def value(self) -> Float[np.ndarray, "unit_a unit_b"]:
        """Return the Pearson correlations; 0 for a unit of zero variance."""
        assert isinstance(self.products, Tensor)
        assert isinstance(self.a, Tensor) and isinstance(self.b, Tensor)
        size = (self.a[:, None] * self.b[None]).sqrt()
        return (self.products / size.clamp_min(1e-12)).clamp(-1, 1).float().numpy()


def _readable(a: Checkpoint, b: Checkpoint, texts: Sequence[str]) -> list[str]:
    """Cut each text to the shorter of the two contexts; `BadInput` where nothing is left."""
    found = []
    for text in texts:
        for model in (a, b):
            spans = model.tokenizer.offsets(text)
            if len(spans) >= model.config.n_ctx:
                text = text[: spans[model.config.n_ctx - 1][0]]
        if len(text) > 1:
            found.append(text)
    if not found:
        raise BadInput("a text to match on needs more than one letter")
    return found


def _patterns(model: Checkpoint, text: str) -> Float[Tensor, "head query key"]:
    names = [f"blocks.{layer}.attn.hook_pattern" for layer in range(model.config.n_layers)]
    cache = functional.ActivationCache(names)
    functional.hidden(model.weights, torch.tensor([model.tokenizer.encode_story(text)]), hook=cache)
    return torch.cat([cache[name][0] for name in names])


def _by_stretch(
    pattern: Float[Tensor, "head query key"], of: np.ndarray, stretches: int
) -> Float[Tensor, "head stretch stretch"]:
    """Aggregate attention to stretches: the mean over query tokens, the sum over key tokens."""
    if one_each(of, stretches):
        return pattern
    means = torch.from_numpy(averaging(of, stretches)).float()
    return means @ pattern @ (means > 0).float().T


def _centred(pattern: Float[Tensor, "head query key"]) -> Float[Tensor, "head place"]:
    """Return square roots of visible attention without the first token, centred in each row."""
    size = pattern.shape[-1]
    there = torch.ones(size, size).tril()
    there[:, 0] = 0
    roots = pattern.clamp_min(0).sqrt() * there
    means = roots.sum(-1, keepdim=True) / there.sum(-1, keepdim=True).clamp_min(1)
    return ((roots - means) * there).flatten(1)


def _matched(kind: UnitKind, a: Checkpoint, b: Checkpoint, sums: list[_Correlation]) -> Matching:
    similarity, *ignorant = (one.value() for one in sums)
    given = np.stack(linear_sum_assignment(similarity, maximize=True), axis=1)
    by_chance = np.concatenate(
        [noise[linear_sum_assignment(noise, maximize=True)] for noise in ignorant]
    )
    chance = float(np.quantile(by_chance, CHANCE))
    others = np.ones(similarity.shape, dtype=bool)
    others[tuple(given.T)] = False
    if others.any():
        chance = max(chance, float(np.quantile(similarity[others], CHANCE)))
    each_a, each_b = (m.config.n_heads if kind == "heads" else m.config.d_mlp for m in (a, b))
    pairs = [
        MatchedPair(a=divmod(i, each_a), b=divmod(j, each_b), similarity=float(similarity[i, j]))
        for i, j in given.tolist()
        if similarity[i, j] > chance
    ]
    pairs.sort(key=lambda pair: -pair.similarity)
    return Matching(
        kind=kind,
        chance=chance,
        pairs=tuple(pairs),
        unmatched_a=_unmatched(similarity, {pair.a for pair in pairs}, each_a, each_b),
        unmatched_b=_unmatched(similarity.T, {pair.b for pair in pairs}, each_b, each_a),
        similarity=similarity,
    )


def _unmatched(
    similarity: Float[np.ndarray, "unit other"], matched: set[Unit], each: int, each_other: int
) -> tuple[UnmatchedUnit, ...]:
    nearest = similarity.argmax(1)
    return tuple(
        UnmatchedUnit(
            unit=divmod(row, each),
            nearest=divmod(int(column), each_other),
            similarity=float(similarity[row, column]),
        )
        for row, column in enumerate(nearest)
        if divmod(row, each) not in matched
    )
