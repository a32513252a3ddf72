"""What a neuron is explained by: its true extremes, and none of them again in the quiz."""

import pytest
import torch

from slm.errors import BadInput
from slm.lens.explainable import QUIZZED, SHOWN, another_neuron, neuron_snippets
from slm.lens.neurons import activations
from slm.runs import Checkpoint
from tests.conftest import little_stories


def test_snippets_are_the_strongest_places_and_quiet_ones_are_lower(checkpoint: Checkpoint) -> None:
    stories = little_stories(120)
    found, other = neuron_snippets(checkpoint, stories, [(0, 7), (1, 3)])
    assert (len(found.shown), len(found.exciting), len(found.quiet)) == (SHOWN, QUIZZED, QUIZZED)
    assert (other.layer, other.neuron) == (1, 3)
    texts = {one.text for one in (*found.shown, *found.exciting, *found.quiet)}
    assert len(texts) == SHOWN + 2 * QUIZZED
    tokens = [checkpoint.tokenizer.encode_story(story) for story in stories]
    best = torch.stack([act[0, :, 7].max() for act in activations(checkpoint, tokens)])
    strongest = int(best[::2].argmax()) * 2
    act = activations(checkpoint, [tokens[strongest]])[0][0, :, 7]
    piece = checkpoint.tokenizer.pieces(tokens[strongest])[int(act.argmax())]
    assert found.shown[0].token == piece and found.shown[0].text in stories[strongest]
    assert all(one.peak is None for one in found.quiet)


def test_another_neuron_is_never_the_same(checkpoint: Checkpoint) -> None:
    assert all(another_neuron(checkpoint, 0, n, seed) != n for n in range(64) for seed in range(5))


def test_too_few_stories_and_no_such_neuron_are_refused(checkpoint: Checkpoint) -> None:
    with pytest.raises(BadInput, match="at least 80"):
        neuron_snippets(checkpoint, little_stories(20), [(0, 0)])
    with pytest.raises(BadInput, match="neuron must lie"):
        neuron_snippets(checkpoint, little_stories(100), [(0, 64)])
