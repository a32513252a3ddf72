"""What a neuron is explained by: its true extremes, and none of them again in the quiz."""

import pytest
import torch

from slm.errors import BadInput
from slm.interp.autointerp.snippets import FEWEST_SHOWN, QUIZZED, SHOWN, neuron_snippets
from slm.interp.neurons.activations import activations
from slm.runs import Checkpoint
from tests.conftest import little_stories


def test_snippets_are_the_strongest_places_and_quiet_ones_are_lower(checkpoint: Checkpoint) -> None:
    stories = little_stories(120)
    found, other = neuron_snippets(checkpoint, stories, 0, 7)
    assert (len(found.shown), len(found.max_activating), len(found.non_activating)) == (
        SHOWN,
        QUIZZED,
        QUIZZED,
    )
    assert (found.neuron, other.layer) == (7, 0) and other.neuron != 7
    texts = {one.text for one in (*found.shown, *found.max_activating, *found.non_activating)}
    assert len(texts) == SHOWN + 2 * QUIZZED
    tokens = [checkpoint.tokenizer.encode_story(story) for story in stories]
    best = torch.stack([act[0, :, 7].max() for act in activations(checkpoint, tokens)])
    strongest = int(best[::2].argmax()) * 2
    act = activations(checkpoint, [tokens[strongest]])[0][0, :, 7]
    str_token = checkpoint.tokenizer.to_str_tokens(tokens[strongest])[int(act.argmax())]
    assert found.shown[0].token == str_token and found.shown[0].text in stories[strongest]
    assert all(one.peak is None for one in found.non_activating)


def fires_only_on(model: Checkpoint, word: str) -> Checkpoint:
    """Neuron 0.7 of the model fires on this word, nowhere else, and its neighbours nowhere at all."""
    block, end = model.weights.blocks[0], model.tokenizer.encode(word)[0]
    with torch.no_grad():
        block.W_O.zero_()
        block.b_O.zero_()
        model.weights.W_pos.zero_()
        model.weights.W_E[:, :2] = 0.0
        model.weights.W_E[end, 0], model.weights.W_E[end, 1] = 9.0, -9.0
        block.W_in[:, 7] = 0.0
        block.W_in[0, 7], block.W_in[1, 7] = 4.0, -4.0
        block.b_in[7] = -2.0
    return model


def test_a_neuron_is_shown_only_where_it_fires(checkpoint: Checkpoint) -> None:
    plain, rare = little_stories(120), "Mom saw a zebra."
    model = fires_only_on(checkpoint, " zebra")
    stories = [f"{rare} {story}" if at % 8 < 2 else story for at, story in enumerate(plain)]
    found, _ = neuron_snippets(model, stories, 0, 7)
    shown = (*found.shown, *found.max_activating)
    assert len(found.shown) >= FEWEST_SHOWN and len(found.max_activating) == 15 < QUIZZED
    first = model.tokenizer.to_str_tokens(model.tokenizer.encode(" zebra"))[0]
    assert {one.token for one in shown} == {first}
    assert len(found.non_activating) == QUIZZED
    with pytest.raises(BadInput, match=r"neuron 0\.7 fires in 0 of 120 stories"):
        neuron_snippets(model, plain, 0, 7)


def test_the_other_neuron_fires_too(checkpoint: Checkpoint) -> None:
    with torch.no_grad():
        checkpoint.weights.blocks[0].b_in[:] = -100.0
        checkpoint.weights.blocks[0].b_in[[7, 40]] = 0.0
    stories = little_stories(120)
    assert neuron_snippets(checkpoint, stories, 0, 7)[1].neuron == 40
    checkpoint.weights.blocks[0].b_in.data[40] = -100.0
    with pytest.raises(BadInput, match="no other neuron of layer 0"):
        neuron_snippets(checkpoint, stories, 0, 7)


def test_too_few_stories_and_no_such_neuron_are_refused(checkpoint: Checkpoint) -> None:
    with pytest.raises(BadInput, match="at least 80"):
        neuron_snippets(checkpoint, little_stories(20), 0, 0)
    with pytest.raises(BadInput, match="neuron must lie"):
        neuron_snippets(checkpoint, little_stories(100), 0, 64)
