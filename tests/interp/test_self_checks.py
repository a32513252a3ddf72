"""Trust: a sound model is green, and each kind of damage turns its own check red."""

import json
from dataclasses import replace

import pytest
import torch

from slm.cli import main
from slm.interp import self_checks as trust
from slm.interp.predictions.attribution import attribute
from slm.interp.self_checks import check, facts
from slm.model import functional
from slm.model.weights import initialise
from slm.runs import Checkpoint

TEXT = "Tom went to the park and saw a dog. He ran home."


def failing(checkpoint: Checkpoint) -> set[str]:
    return {one.name for one in check(checkpoint, TEXT) if not one.holds}


def test_a_sound_model_passes_every_check(checkpoint: Checkpoint) -> None:
    found = check(checkpoint, TEXT)
    assert len(found) == 9 and all(one.holds for one in found)
    known = facts(checkpoint)
    assert (
        f"{sum(leaf.numel() for _, leaf in checkpoint.weights.named_parameters()):,}"
        in known["parameters"]
    )
    assert len(known["weights (sha256)"]) == 64


@pytest.mark.parametrize("gated", [True, False])
def test_a_model_of_llamas_kind_passes_every_check(checkpoint: Checkpoint, gated: bool) -> None:
    config = replace(
        checkpoint.config,
        tied=False,
        normalization_type="RMS",
        positional_embedding_type="rotary",
        act_fn="silu",
        gated_mlp=gated,
        mlp_width=43,
    )
    weights = initialise(config, 5)
    with torch.no_grad():
        for _, leaf in weights.named_parameters():
            leaf.add_(torch.randn(leaf.shape, generator=torch.Generator().manual_seed(6)) * 0.1)
    llama = replace(checkpoint, config=config, weights=weights)
    assert failing(llama) == set()
    assert "position embedding" not in dict(attribute(llama, [0, 5, 6], 7).parts())


def test_what_is_not_a_number_never_passes(checkpoint: Checkpoint) -> None:
    checkpoint.weights.blocks[1].W_out[3, 3] = float("nan")
    red = failing(checkpoint)
    assert {
        "functional equals hooked, in logits",
        "parts sum to the logit minus the mean logit",
    } <= red
    assert "all heads at once equal one by one, in nats" in red
    assert "every parameter is counted once" not in red


def test_a_leak_into_the_future_is_seen(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def everywhere(pos: int, window: int | None, device: torch.device) -> torch.Tensor:
        return torch.ones(pos, pos, dtype=torch.bool)

    monkeypatch.setattr(functional, "causal_mask", everywhere)
    assert "no token looks ahead" in failing(checkpoint)


def test_a_wrong_norm_in_the_fast_way_is_seen(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = functional.ln_final
    monkeypatch.setattr(functional, "ln_final", lambda *args, **named: 1.01 * right(*args, **named))
    red = failing(checkpoint)
    assert {"functional equals hooked, in logits", "folded equals raw, in log-probabilities"} <= red
    assert "attention rows sum to 1" not in red


def test_padding_among_the_examples_is_seen(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = trust.activations
    monkeypatch.setattr(trust, "activations", lambda *args: [acts + 0.5 for acts in right(*args)])
    assert failing(checkpoint) == {"no padding among the top examples"}


def test_the_command_ends_with_1_where_a_check_fails(
    checkpoint: Checkpoint, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["check", "tiny", "--text", TEXT, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["holds"] is True
    broken = [("always red", lambda checkpoint, text: float("nan"), 1.0)]
    monkeypatch.setattr(trust, "CHECKS", broken)
    assert main(["check", "tiny", "--text", TEXT]) == 1
    told = capsys.readouterr()
    assert "FAILS  always red" in told.out and "always red" in told.err
