"""Neurons: a neuron built for one token finds it; the index keeps exactly the true extremes."""

from pathlib import Path

import pytest
import torch

from slm.errors import BadInput
from slm.lens.neuron_index import build_index, open_index
from slm.lens.neurons import activations, examples
from slm.model.hooked import hooked, run_with_cache
from slm.runs import Checkpoint
from tests.conftest import little_stories


@pytest.fixture
def park_neuron(checkpoint: Checkpoint) -> Checkpoint:
    """Neuron 7 of layer 0 made to fire at the token " park" and nowhere else.

    Attention writes nothing; " park" has an embedding of its own direction, which LayerNorm keeps.
    """
    (park,) = checkpoint.tokenizer.encode(" park")
    block = checkpoint.weights.blocks[0]
    for leaf in (block.W_O, block.b_O, block.ln2_b, checkpoint.weights.W_pos):
        leaf.zero_()
    block.ln2_w.fill_(1.0)
    checkpoint.weights.W_E[:, :2] = 0.0
    checkpoint.weights.W_E[park] = 0.0
    checkpoint.weights.W_E[park, 0], checkpoint.weights.W_E[park, 1] = 1.0, -1.0
    block.W_in[:, 7] = 0.0
    block.W_in[0, 7], block.W_in[1, 7] = 1.0, -1.0
    block.b_in[7] = -1.0
    return checkpoint


def test_a_neuron_built_for_park_is_found_at_park(park_neuron: Checkpoint) -> None:
    found = examples(park_neuron, little_stories(40), layer=0, neuron=7, k=5)
    assert [example.pieces[example.position] for example in found] == [" park"] * 5
    assert found[0].activation == pytest.approx(float(found[0].acts.max()))
    assert len({example.story for example in found}) == 5


def test_the_index_finds_the_neuron_by_its_token(park_neuron: Checkpoint, corpus: Path) -> None:
    *_, last = build_index(park_neuron, str(corpus))
    assert (last.stories, last.share) == (300, 1.0)
    index = open_index(park_neuron)
    hit = index.find(park_neuron, " park")[0]
    assert (hit.layer, hit.neuron, hit.count) == (0, 7, 20)
    with pytest.raises(BadInput, match="must be one token"):
        index.find(park_neuron, " park and garden")


def test_the_index_keeps_the_true_extremes_of_every_neuron(
    checkpoint: Checkpoint, corpus: Path
) -> None:
    for _ in build_index(checkpoint, str(corpus)):
        pass
    index = open_index(checkpoint)
    tokens = [checkpoint.tokenizer.encode_story(story) for story in little_stories(300)]
    acts = [
        story
        for first in range(0, 300, 50)
        for story in activations(checkpoint, tokens[first : first + 50])
    ]
    highest = torch.stack([story.amax(1) for story in acts])  # story layer neuron
    lowest = torch.stack([story.amin(1) for story in acts])
    top = highest.topk(20, dim=0).values.permute(1, 2, 0)
    bottom = lowest.topk(20, dim=0, largest=False).values.permute(1, 2, 0)
    assert torch.allclose(torch.from_numpy(index.activation[0].copy()), top, atol=1e-5)
    assert torch.allclose(torch.from_numpy(index.activation[1].copy()), bottom, atol=1e-5)
    fires = torch.cat(acts, 1).gt(0).float().mean(1)
    assert torch.allclose(torch.from_numpy(index.fires.copy()), fires, atol=1e-6)
    example = index.top(checkpoint, 1, 3, k=4, strongest=False)[0]
    assert example.activation == pytest.approx(float(index.activation[1, 1, 3, 0]), abs=1e-5)


def test_activations_are_the_hooked_models_own(checkpoint: Checkpoint) -> None:
    tokens = checkpoint.tokenizer.encode_story("Tom went to the park.")
    short = checkpoint.tokenizer.encode_story("Amy")
    found = activations(checkpoint, [short, tokens])
    name = "blocks.1.mlp.hook_post"
    _, cache = run_with_cache(hooked(checkpoint.weights), torch.tensor([tokens]), [name])
    assert torch.allclose(found[1][1], cache[name][0], atol=1e-4)
    assert found[0].shape[1] == len(short)


def test_positions_past_the_context_are_read_too(checkpoint: Checkpoint) -> None:
    tokens = checkpoint.tokenizer.encode_story(" ".join(little_stories(4)))
    assert len(tokens) > 2 * checkpoint.config.n_ctx
    assert activations(checkpoint, [tokens])[0].shape[1] == len(tokens)


def test_a_building_that_is_ended_early_leaves_nothing(
    checkpoint: Checkpoint, corpus: Path
) -> None:
    building = build_index(checkpoint, str(corpus))
    next(building)
    building.close()
    with pytest.raises(BadInput, match="no neuron index of tiny@0 yet"):
        open_index(checkpoint)


@pytest.mark.parametrize(("layer", "neuron"), [(2, 0), (-1, 0), (0, 64), (0, -1)])
def test_a_neuron_the_model_does_not_have_is_refused(
    checkpoint: Checkpoint, layer: int, neuron: int
) -> None:
    with pytest.raises(BadInput, match="must lie in 0 to"):
        examples(checkpoint, ["Tom."], layer=layer, neuron=neuron)
