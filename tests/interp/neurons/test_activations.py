"""Neurons: one that was built for a token is found at it, in every story, wherever it stands."""

import pytest
import torch

from slm.errors import BadInput
from slm.interp.neurons.activations import activations, examples
from slm.model.hooked import hooked, run_with_cache
from slm.runs import Checkpoint
from tests.conftest import little_stories
from tests.interp.conftest import with_gates


def test_a_neuron_built_for_park_is_found_at_park(park_neuron: Checkpoint) -> None:
    found = examples(park_neuron, little_stories(40), layer=0, neuron=7, k=5)
    assert [example.str_tokens[example.position] for example in found] == [" park"] * 5
    assert found[0].value == pytest.approx(float(found[0].values.max()))
    assert len({example.story for example in found}) == 5


@pytest.mark.parametrize("gated", [False, True])
def test_neurons_are_ranked_by_a_hook_of_the_hooked_model(
    checkpoint: Checkpoint, gated: bool
) -> None:
    """The pre-activation of an ungated neuron; the activation, a product, of a gated one."""
    if gated:
        checkpoint = with_gates(checkpoint)
    tokens = checkpoint.tokenizer.encode_story("Tom went to the park.")
    short = checkpoint.tokenizer.encode_story("Amy")
    found = activations(checkpoint, [short, tokens])
    names = ["blocks.1.mlp.hook_pre", "blocks.1.mlp.hook_post"]
    _, cache = run_with_cache(hooked(checkpoint.weights), torch.tensor([tokens]), names)
    pre, post = (cache[name][0] for name in names)
    assert torch.allclose(found[1][1], post if gated else pre, atol=1e-4)
    assert found[0].shape[1] == len(short)
    (example,) = examples(checkpoint, ["Tom went to the park."], layer=1, neuron=5)
    assert example.values == pytest.approx(found[1][1][:, 5].numpy(), abs=1e-4)
    assert example.activations == pytest.approx(post[:, 5].numpy(), abs=1e-4)
    assert example.activation == example.activations[example.position]


def test_positions_past_the_context_are_read_too(checkpoint: Checkpoint) -> None:
    tokens = checkpoint.tokenizer.encode_story(" ".join(little_stories(4)))
    assert len(tokens) > 2 * checkpoint.config.n_ctx
    assert activations(checkpoint, [tokens])[0].shape[1] == len(tokens)


@pytest.mark.parametrize(("layer", "neuron"), [(2, 0), (-1, 0), (0, 64), (0, -1)])
def test_a_neuron_the_model_does_not_have_is_refused(
    checkpoint: Checkpoint, layer: int, neuron: int
) -> None:
    with pytest.raises(BadInput, match="must lie in 0 to"):
        examples(checkpoint, ["Tom."], layer=layer, neuron=neuron)
