"""Max-activating and non-activating snippets of a neuron, for explanations and quizzes."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from slm.errors import BadInput
from slm.interp.neurons.activations import STORIES_AT_ONCE, activations, check_neuron
from slm.runs import Checkpoint
from slm.stories.snippets import NeuronSnippets, Snippet
from slm.stories.tokenizer import END

STORIES = 160
"""Stories that are read where nothing else is said."""
SHOWN, QUIZZED = 10, 20
"""Places an explanation is made from, and places of each kind that it is tried on, at most."""
FEWEST_SHOWN, FEWEST_TRIED = 5, 10
"""Stories of each half in which a neuron must fire to be explained."""
OTHERS = 64
"""Neurons of the layer that are drawn, of which the first that fires enough is the other one."""
BEFORE, AFTER = 20, 4
"""Tokens of a snippet before its place, and after it."""


def neuron_snippets(
    checkpoint: Checkpoint,
    stories: Sequence[str],
    layer: int,
    neuron: int,
    *,
    seed: int = 0,
) -> tuple[NeuronSnippets, NeuronSnippets]:
    """Read stories once and cut out what a neuron, and another of its layer, are shown and tried by.

    Every other story is for explaining, the others for the quiz; a story gives a neuron one snippet
    at most. Exciting snippets are of places where the neuron fires, the strongest by `ranked_hook`.
    The other neuron is one that fires in enough stories too, the same for the same seed. Raises
    `BadInput` for a neuron the model does not have, for too few stories, and where too few of them
    make the neuron fire.
    """
    check_neuron(checkpoint, layer, neuron)
    if len(stories) < 2 * (2 * QUIZZED):
        raise BadInput(
            f"an explanation is made and tried on at least {4 * QUIZZED} stories, not {len(stories)}"
        )
    order = np.random.default_rng(seed).permutation(checkpoint.config.d_mlp)
    candidates = [neuron, *order[order != neuron][:OTHERS].tolist()]
    tokens = [checkpoint.tokenizer.encode_story(story) for story in stories]
    acts: list[Float[Tensor, "pos candidate"]] = []
    for first in range(0, len(tokens), STORIES_AT_ONCE):
        read = activations(checkpoint, tokens[first : first + STORIES_AT_ONCE], [layer])
        acts += [act[0, :, candidates] for act in read]
    fires = torch.stack([(act > 0).any(0) for act in acts])
    enough = (fires[::2].sum(0) >= FEWEST_SHOWN) & (fires[1::2].sum(0) >= FEWEST_TRIED)
    if not enough[0]:
        raise BadInput(
            f"neuron {layer}.{neuron} fires in {int(fires[:, 0].sum())} of {len(stories)} stories; an "
            f"explanation is made from {FEWEST_SHOWN} of one half at least and tried on {FEWEST_TRIED} "
            "of the other"
        )
    if not enough[1:].any():
        raise BadInput(f"no other neuron of layer {layer} fires often enough to be its control")
    str_tokens = [tuple(checkpoint.tokenizer.to_str_tokens(ids)) for ids in tokens]
    mine, another = (
        _cut(str_tokens, [act[:, at] for act in acts], layer, candidates[at], seed)
        for at in (0, 1 + int(enough[1:].int().argmax()))
    )
    return mine, another


def _cut(
    str_tokens: Sequence[tuple[str, ...]],
    acts: Sequence[Float[Tensor, "_"]],
    layer: int,
    neuron: int,
    seed: int,
) -> NeuronSnippets:
    """Cut max-activating snippets, and non-activating ones from stories drawn from the rest."""
    draw = np.random.default_rng(seed)
    best = [float(act.max()) for act in acts]

    def strongest(stories: range, count: int) -> list[int]:
        fire = [story for story in stories if best[story] > 0]
        return sorted(fire, key=lambda story: -best[story])[:count]

    trying = range(1, len(acts), 2)
    max_activating = strongest(trying, QUIZZED)
    rest = [story for story in trying if story not in max_activating]
    non_activating = draw.permutation(rest)[:QUIZZED].tolist()
    return NeuronSnippets(
        layer=layer,
        neuron=neuron,
        shown=tuple(
            _peak(str_tokens[s], acts[s]) for s in strongest(range(0, len(acts), 2), SHOWN)
        ),
        max_activating=tuple(_peak(str_tokens[s], acts[s]) for s in max_activating),
        non_activating=tuple(_quietest(str_tokens[s], acts[s]) for s in non_activating),
    )


def _peak(str_tokens: tuple[str, ...], acts: Float[Tensor, "pos"]) -> Snippet:
    """Return the snippet around the highest activation."""
    return _stretch(str_tokens, int(acts.argmax()))


def _quietest(str_tokens: tuple[str, ...], acts: Float[Tensor, "pos"]) -> Snippet:
    """Return the snippet whose highest activation is lowest."""
    width = min(BEFORE + AFTER + 1, len(acts))
    at = int(acts.unfold(0, width, 1).amax(1).argmin()) + min(BEFORE, width - 1)
    found = _stretch(str_tokens, at)
    return Snippet(str_tokens=found.str_tokens)


def _stretch(str_tokens: tuple[str, ...], at: int) -> Snippet:
    first = max(0, at - BEFORE)
    shown = tuple(
        "" if str_token == END else str_token for str_token in str_tokens[first : at + AFTER + 1]
    )
    return Snippet(str_tokens=shown, peak=at - first)
