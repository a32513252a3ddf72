"""What a neuron writes: the token it was wired to, and what the model itself does when pushed."""

import pytest
import torch

from slm.errors import BadInput
from slm.interp.neurons.logits import direct_logits, writes
from slm.model import functional
from slm.runs import Checkpoint
from tests.conftest import little_stories


def test_a_neuron_wired_to_a_token_promotes_it(park_neuron: Checkpoint) -> None:
    """Neuron 7 writes (0, 0, 1, -1, 0 …), and only " kite" is unembedded along it."""
    (kite,) = park_neuron.tokenizer.encode(" kite")
    weights = park_neuron.weights
    weights.W_E[:, 2:4] = 0.0
    weights.W_E[kite, 2], weights.W_E[kite, 3] = 3.0, -1.0
    weights.ln_final_w[2], weights.ln_final_w[3] = 2.0, 1.0
    found = writes(park_neuron, 0, 7, k=3)
    assert found.promotes[0][0] == " kite"
    # 2 * 3 * 1 + 1 * -1 * -1 = 7, less the mean over the vocabulary
    assert found.promotes[0][1] == pytest.approx(7 * (1 - 1 / weights.config.d_vocab))
    assert found.suppresses[0][1] == pytest.approx(-7 / weights.config.d_vocab)


def test_the_final_norms_gain_and_centring_are_in_it(checkpoint: Checkpoint) -> None:
    """A row that is the same everywhere is taken away by the norm: it promotes nothing."""
    checkpoint.weights.blocks[1].W_out[3] = 5.0
    assert float(direct_logits(checkpoint, 1, 3).abs().max()) < 1e-5


def test_a_small_push_raises_the_logits_said_to_be_promoted(checkpoint: Checkpoint) -> None:
    weights, layer = checkpoint.weights, checkpoint.config.n_layers - 1
    checkpoint.weights.ln_final_w[::3] = 0.2
    cache = functional.ActivationCache([f"blocks.{layer}.hook_resid_post"])
    tokens = [checkpoint.tokenizer.encode_story(s)[:24] for s in little_stories(8)]
    functional.hidden(weights, torch.tensor(tokens), hook=cache)
    stream = cache[f"blocks.{layer}.hook_resid_post"].reshape(-1, weights.config.d_model)

    def said(x: torch.Tensor) -> torch.Tensor:
        return functional.unembed(weights, functional.ln_final(weights, x))

    for neuron in range(0, 64, 9):
        push = 1e-2 * weights.blocks[layer].W_out[neuron]
        moved = (said(stream + push) - said(stream)).mean(0)
        moved -= moved.mean()
        direct = direct_logits(checkpoint, layer, neuron)
        top, bottom = direct.topk(10).indices, (-direct).topk(10).indices
        assert torch.all(moved[top] > 0) and torch.all(moved[bottom] < 0)
        together = torch.corrcoef(torch.stack([moved, direct]))[0, 1]
        assert together > 0.9


def test_a_neuron_the_model_does_not_have_is_refused(checkpoint: Checkpoint) -> None:
    with pytest.raises(BadInput, match="must lie in 0 to"):
        writes(checkpoint, 2, 0)
