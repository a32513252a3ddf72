"""Patching: the batched way restores what a hooked run for each place restores."""

import json

import numpy as np
import pytest
import torch

from slm.cli import main
from slm.errors import BadInput
from slm.interp.predictions.patching import (
    HOOKS,
    Patching,
    aligned,
    answers,
    log_prob_drop,
    patch,
)
from slm.model import functional
from slm.model.config import ModelConfig
from slm.model.hooked import hooked, run_with_cache, run_with_hooks
from slm.model.weights import initialise
from slm.runs import Address, Checkpoint
from slm.stories.tokenizer import Tokenizer

TEXT, OTHER = "One day, Tom had a ball.", "One day, Amy had a kite."


def random_model(tokenizer: Tokenizer, **changes: object) -> Checkpoint:
    """A model in which every bias and gain is something."""
    sizes = {"d_model": 16, "n_layers": 2, "n_heads": 2, "n_ctx": 32, **changes}
    config = ModelConfig(d_vocab=tokenizer.d_vocab, **sizes)  # type: ignore[arg-type]
    weights = initialise(config, 0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for _, leaf in weights.named_parameters():
            leaf.add_(torch.randn(leaf.shape, generator=generator) * 0.2)
    return Checkpoint(
        address=Address("random", 0), config=config, weights=weights, tokenizer=tokenizer
    )


def most_moved(checkpoint: Checkpoint, first: list[int], second: list[int]) -> tuple[int, int]:
    """The tokens whose logits the change of prompt moves furthest apart."""
    logits = functional.logits(checkpoint.weights, torch.tensor([first, second]))[:, -1]
    moved = logits[0] - logits[1]
    return int(moved.argmax()), int(moved.argmin())


def patched(checkpoint: Checkpoint, text: str = TEXT, other: str = OTHER) -> Patching:
    first, second = aligned(checkpoint, text, other)
    return patch(checkpoint, first, second, *most_moved(checkpoint, first, second))


@pytest.mark.parametrize("changes", [{}, {"n_layers": 3, "local_window": 3}, {"n_layers": 1}])
def test_every_place_restores_what_a_hooked_run_restores(
    tokenizer: Tokenizer, changes: dict[str, int]
) -> None:
    checkpoint = random_model(tokenizer, **changes)
    found = patched(checkpoint)
    first, second = aligned(checkpoint, TEXT, OTHER)
    answer, foil = most_moved(checkpoint, first, second)
    model, layers = hooked(checkpoint.weights), range(checkpoint.config.n_layers)
    hooks = (*HOOKS, "attn.hook_z")
    names = [f"blocks.{layer}.{hook}" for layer in layers for hook in hooks]
    _, clean = run_with_cache(model, torch.tensor([first]), names)

    def lead(name: str, at: int | slice, head: int | slice = slice(None)) -> float:
        def fill(act: torch.Tensor, hook: object) -> None:
            if act.ndim == 4:
                act[:, at, head] = clean[name][:, at, head]
            else:
                act[:, at] = clean[name][:, at]

        logits = run_with_hooks(model, torch.tensor([second]), [(name, fill)])[0, -1]
        return float(logits[answer] - logits[foil])

    gap = found.clean - found.corrupted
    for layer in layers:
        for hook in HOOKS:
            for at in range(len(first)):
                expected = (lead(f"blocks.{layer}.{hook}", at) - found.corrupted) / gap
                assert found.restored[hook][layer, at] == pytest.approx(expected, abs=2e-3)
        for head in range(checkpoint.config.n_heads):
            name = f"blocks.{layer}.attn.hook_z"
            expected = (lead(name, slice(None), head) - found.corrupted) / gap
            assert found.heads[layer, head] == pytest.approx(expected, abs=2e-3)


def test_the_word_that_differs_restores_all_and_what_stands_before_it_nothing(
    checkpoint: Checkpoint,
) -> None:
    found = patched(checkpoint, "One day, Tom had a ball.", "One day, Amy had a ball.")
    (word,) = found.differ
    stream = found.restored["hook_resid_pre"]
    assert stream[0, word] == pytest.approx(1, abs=1e-4)  # all that differs is there
    for hook in HOOKS:
        assert np.abs(found.restored[hook][:, :word]).max() < 1e-4
    assert np.abs(np.delete(stream[0], word)).max() < 1e-4


def test_what_is_written_in_the_last_place_and_layer_sums_up(checkpoint: Checkpoint) -> None:
    found = patched(checkpoint)
    last = len(found.str_tokens) - 1
    neurons = found.restored["hook_mlp_out"][-1]
    assert np.abs(neurons[:last]).max() < 1e-5  # nobody reads them any more
    assert abs(neurons[last]) > 1e-5


def test_the_change_costs_nothing_before_it_comes(checkpoint: Checkpoint) -> None:
    first, second = aligned(checkpoint, "Tom saw Tom.", "Tom saw Amy.")
    cost = log_prob_drop(checkpoint, first, second)
    word = next(at for at in range(len(first)) if first[at] != second[at])
    assert np.isnan(cost[[0, word]]).all() and np.abs(cost[1:word]).max() < 1e-5
    assert abs(cost[word + 1]) > 1e-5


def test_prompts_that_cannot_be_compared_are_refused(checkpoint: Checkpoint) -> None:
    with pytest.raises(BadInput, match=r"as many tokens, not .* and .*: .* \| "):
        aligned(checkpoint, "Tom saw a zebra.", "Tom saw Amy.")
    with pytest.raises(BadInput, match="are the same"):
        aligned(checkpoint, "Tom saw Amy.", "Tom saw Amy.")
    first, second = aligned(checkpoint, TEXT, OTHER)
    with pytest.raises(BadInput, match="foil that is another token"):
        patch(checkpoint, first, second, 300, 300)
    with pytest.raises(BadInput, match="nothing to restore"):
        patch(checkpoint, first, first, 300, 301)


def test_the_command_says_what_the_function_finds(
    checkpoint: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["patch", "tiny", "--text", TEXT, "--other", OTHER]
    assert main([*asked, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    first, second = aligned(checkpoint, TEXT, OTHER)
    found = patch(checkpoint, first, second, *answers(checkpoint, first, second))
    assert (data["answer"], data["foil"]) == (found.answer, found.foil)
    for hook in HOOKS:
        assert np.allclose(data["restored"][hook], found.restored[hook], atol=1e-5)
    assert main(asked) == 0 and "restores" in capsys.readouterr().out
    assert main([*asked[:-1], "Amy went."]) == 2
    assert "must have as many tokens" in capsys.readouterr().err
