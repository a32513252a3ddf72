"""A neuron by example, for a reader who knows no model: its strongest places, and a quiz about others."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from torch import Tensor

from slm.errors import BadInput
from slm.lens.neurons import STORIES_AT_ONCE, activations, check_neuron
from slm.runs import Checkpoint
from slm.stories.snippets import NeuronSnippets, Snippet
from slm.stories.tokenizer import END

STORIES = 160
"""Stories that are read where nothing else is said."""
SHOWN, QUIZZED = 10, 20
"""Places an explanation is made from, and places of each kind that it is tried on."""
BEFORE, AFTER = 20, 4
"""Tokens of a snippet before its place, and after it."""


def neuron_snippets(
    checkpoint: Checkpoint,
    stories: Sequence[str],
    neurons: Sequence[tuple[int, int]],
    *,
    seed: int = 0,
) -> list[NeuronSnippets]:
    """Read stories once and cut out what each of `neurons` (layer, neuron) is shown and tried by.

    Every other story is for explaining, the others for the quiz; a story gives a neuron one snippet
    at most. Raises `BadInput` for a neuron the model does not have, and for too few stories.
    """
    for layer, neuron in neurons:
        check_neuron(checkpoint, layer, neuron)
    if len(stories) < 2 * (2 * QUIZZED):
        raise BadInput(
            f"an explanation is made and tried on at least {4 * QUIZZED} stories, not {len(stories)}"
        )
    tokens = [checkpoint.tokenizer.encode_story(story) for story in stories]
    acts: list[list[Float[Tensor, "_"]]] = [[] for _ in neurons]
    for first in range(0, len(tokens), STORIES_AT_ONCE):
        for act in activations(checkpoint, tokens[first : first + STORIES_AT_ONCE]):
            for kept, (layer, neuron) in zip(acts, neurons, strict=True):
                kept.append(act[layer, :, neuron].clone())
    pieces = [tuple(checkpoint.tokenizer.pieces(ids)) for ids in tokens]
    return [
        _cut(pieces, kept, layer, neuron, seed)
        for kept, (layer, neuron) in zip(acts, neurons, strict=True)
    ]


def another_neuron(checkpoint: Checkpoint, layer: int, neuron: int, seed: int = 0) -> int:
    """Some other neuron of the same layer, the same for the same seed."""
    d_mlp = checkpoint.config.d_mlp
    return (neuron + 1 + int(np.random.default_rng(seed).integers(d_mlp - 1))) % d_mlp


def _cut(
    pieces: Sequence[tuple[str, ...]],
    acts: Sequence[Float[Tensor, "_"]],
    layer: int,
    neuron: int,
    seed: int,
) -> NeuronSnippets:
    """The strongest place of each of the best stories, and the quietest stretch of each of the rest."""
    draw = np.random.default_rng(seed)
    best = [float(act.max()) for act in acts]

    def strongest(stories: range, count: int) -> list[int]:
        return sorted(stories, key=lambda story: -best[story])[:count]

    trying = range(1, len(acts), 2)
    exciting = strongest(trying, QUIZZED)
    rest = [story for story in trying if story not in exciting]
    quiet = draw.permutation(rest)[:QUIZZED].tolist()
    return NeuronSnippets(
        layer=layer,
        neuron=neuron,
        shown=tuple(_peak(pieces[s], acts[s]) for s in strongest(range(0, len(acts), 2), SHOWN)),
        exciting=tuple(_peak(pieces[s], acts[s]) for s in exciting),
        quiet=tuple(_quietest(pieces[s], acts[s]) for s in quiet),
    )


def _peak(pieces: tuple[str, ...], acts: Float[Tensor, "pos"]) -> Snippet:
    """The stretch around the strongest place."""
    return _stretch(pieces, int(acts.argmax()))


def _quietest(pieces: tuple[str, ...], acts: Float[Tensor, "pos"]) -> Snippet:
    """The stretch, as long as others, whose strongest activation is lowest."""
    width = min(BEFORE + AFTER + 1, len(acts))
    at = int(acts.unfold(0, width, 1).amax(1).argmin()) + min(BEFORE, width - 1)
    found = _stretch(pieces, at)
    return Snippet(pieces=found.pieces)


def _stretch(pieces: tuple[str, ...], at: int) -> Snippet:
    first = max(0, at - BEFORE)
    shown = tuple("" if piece == END else piece for piece in pieces[first : at + AFTER + 1])
    return Snippet(pieces=shown, peak=at - first)
