"""Ablation: all heads at once give what one hooked run each gives, and an idle head costs nothing."""

import numpy as np
import pytest
import torch

from slm.errors import BadInput
from slm.interp.predictions import ablation
from slm.interp.predictions.ablation import Replacement, ablate_heads, ablate_neurons, mean_outputs
from slm.model.hooked import hooked, run_with_cache, run_with_hooks
from slm.runs import Checkpoint
from slm.stories import shipped

TEXT = "Tom went to the park and saw a dog."


@pytest.mark.parametrize("replacement", ["zero", "mean"])
@pytest.mark.parametrize("at_once", [4096, 30])
def test_all_heads_at_once_equal_one_hooked_run_each(
    checkpoint: Checkpoint,
    replacement: Replacement,
    at_once: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ablation, "POSITIONS_AT_ONCE", at_once)
    ids = checkpoint.tokenizer.encode_story(TEXT)
    found = ablate_heads(checkpoint, ids, replacement)
    model = hooked(checkpoint.weights)
    tokens = torch.tensor([ids])
    texts = [story.text for story in shipped.stories()]
    means = mean_outputs(checkpoint, texts) * (replacement == "mean")
    for layer in range(checkpoint.config.n_layers):
        for head in range(checkpoint.config.n_heads):

            def switch_off(
                z: torch.Tensor, hook: object, at: tuple[int, int] = (layer, head)
            ) -> None:
                z[:, :, at[1]] = means[at]

            hooks = [(f"blocks.{layer}.attn.hook_z", switch_off)]
            logits = run_with_hooks(model, tokens[:, :-1], hooks)
            expected = float(logits[0, -1].log_softmax(-1)[ids[-1]])
            assert found.without[layer, head] == pytest.approx(expected, abs=1e-4)


def test_the_mean_is_over_every_position_that_was_read(checkpoint: Checkpoint) -> None:
    texts = ["Tom ran.", TEXT]
    name = "blocks.1.attn.hook_z"
    seen = []
    for text in texts:
        tokens = torch.tensor([checkpoint.tokenizer.encode_story(text)])
        _, cache = run_with_cache(hooked(checkpoint.weights), tokens, [name])
        seen.append(cache[name][0])
    assert torch.allclose(mean_outputs(checkpoint, texts)[1], torch.cat(seen).mean(0), atol=1e-5)


def test_a_head_that_writes_nothing_is_not_missed(checkpoint: Checkpoint) -> None:
    config = checkpoint.config
    checkpoint.weights.blocks[0].W_O[: config.d_head] = 0.0
    found = ablate_heads(checkpoint, checkpoint.tokenizer.encode_story(TEXT), "zero")
    assert abs(found.loss[0, 0]) < 1e-5
    assert np.abs(found.loss[0, 1:]).max() > 1e-5


def test_the_word_and_its_prompt_are_told(checkpoint: Checkpoint) -> None:
    found = ablate_heads(checkpoint, checkpoint.tokenizer.encode_story("Tom ran."), "zero")
    assert "".join(found.prompt[1:]) + found.word == "Tom ran."
    tokens = torch.tensor([checkpoint.tokenizer.encode_story("Tom ran.")])
    logits = run_with_hooks(hooked(checkpoint.weights), tokens[:, :-1], [])
    assert found.whole == pytest.approx(
        float(logits[0, -1].log_softmax(-1)[tokens[0, -1]]), abs=1e-4
    )


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_a_prompt_that_is_empty_or_too_long_is_refused(checkpoint: Checkpoint, count: int) -> None:
    with pytest.raises(BadInput, match="a prompt and a word take 2 to"):
        ablate_heads(checkpoint, [0] * count)


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("replacement", ["zero", "mean"])
def test_all_neurons_of_a_layer_equal_one_hooked_run_each(
    checkpoint: Checkpoint, layer: int, replacement: Replacement
) -> None:
    ids = checkpoint.tokenizer.encode_story(TEXT)
    found = ablate_neurons(checkpoint, ids, layer, replacement)
    assert found.without.shape == (checkpoint.config.d_mlp,)
    texts = [story.text for story in shipped.stories()]
    means = mean_outputs(checkpoint, texts, ablation.POST)[layer] * (replacement == "mean")
    model = hooked(checkpoint.weights)
    for neuron in (0, 17, 63):

        def switch_off(post: torch.Tensor, hook: object, neuron: int = neuron) -> None:
            post[:, :, neuron] = means[neuron]

        hooks = [(f"blocks.{layer}.mlp.hook_post", switch_off)]
        logits = run_with_hooks(model, torch.tensor([ids[:-1]]), hooks)
        expected = float(logits[0, -1].log_softmax(-1)[ids[-1]])
        assert found.without[neuron] == pytest.approx(expected, abs=1e-4)


def test_resampling_takes_what_other_stories_say_there(checkpoint: Checkpoint) -> None:
    ids = checkpoint.tokenizer.encode_story(TEXT)
    first, again, other = (ablate_heads(checkpoint, ids, "resample", seed) for seed in (0, 0, 1))
    assert np.array_equal(first.without, again.without)
    assert not np.allclose(first.without, other.without, atol=1e-6)
    assert first.whole == pytest.approx(ablate_heads(checkpoint, ids, "zero").whole, abs=1e-5)


def test_a_shipped_story_is_not_resampled_from_itself(checkpoint: Checkpoint) -> None:
    for number in range(3):
        ids = checkpoint.tokenizer.encode_story(shipped.stories()[number].text)[:40]
        drawn = list(ablation._replacements(checkpoint, ablation.Z, "resample", ids[:-1], 0))
        own = ablation._outputs(checkpoint, shipped.stories()[number].text, ablation.Z)[:, :39]
        assert len(drawn) == ablation.DRAWS
        assert not any(torch.allclose(instead, own) for instead in drawn)


def test_a_layer_that_is_not_there_is_refused(checkpoint: Checkpoint) -> None:
    with pytest.raises(BadInput, match="between 0 and 1, not at 2"):
        ablate_neurons(checkpoint, checkpoint.tokenizer.encode_story(TEXT), 2)


def test_a_prompt_that_all_shipped_stories_begin_with_has_no_others_to_take_from(
    checkpoint: Checkpoint,
) -> None:
    with pytest.raises(BadInput, match="20 of 20 shipped stories begin with this prompt"):
        ablate_heads(checkpoint, [checkpoint.tokenizer.opening, 5], "resample")
