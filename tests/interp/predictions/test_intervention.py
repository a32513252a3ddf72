"""Regenerating: parts are switched as hooks would switch them, and nothing else changes."""

import json

import numpy as np
import pytest
import torch

from slm.cli import main
from slm.errors import BadInput
from slm.generation.sampler import Sampling, complete
from slm.interp.predictions.ablation import POST, Z, mean_outputs
from slm.interp.predictions.intervention import (
    Intervention,
    intervention_fn,
    parse_interventions,
    regenerate,
    word_diff,
)
from slm.model import functional
from slm.model.hooked import hooked, run_with_hooks
from slm.runs import Checkpoint
from slm.stories import shipped

TEXT = "Tom went to the park and saw a dog."


@pytest.mark.parametrize(
    "text", ["1.1=0", "1.1=2.5", "0.n17=-3", "1.1", "0.n17", "0.0=0 1.n3 1.1=0.5"]
)
def test_switched_parts_say_what_the_hooked_model_says(checkpoint: Checkpoint, text: str) -> None:
    interventions = parse_interventions(text)
    tokens = torch.tensor([checkpoint.tokenizer.encode_story(TEXT)])
    texts = [story.text for story in shipped.stories()]
    means = {hook: mean_outputs(checkpoint, texts, hook) for hook in (Z, POST)}
    hooks = []
    for one in interventions:

        def switch(act: torch.Tensor, hook: object, one: Intervention = one) -> None:
            if one.factor is None:
                mean = means[POST if one.neuron else Z]
                act[:, :, one.index] = mean[one.layer, one.index]
            else:
                act[:, :, one.index] *= one.factor

        hooks.append((one.hook, switch))
    expected = run_with_hooks(hooked(checkpoint.weights), tokens, hooks)
    edit = intervention_fn(checkpoint, interventions)
    found = functional.logits(checkpoint.weights, tokens, intervention=edit)
    assert torch.allclose(found, expected, atol=1e-4)
    assert not torch.allclose(found, functional.logits(checkpoint.weights, tokens), atol=1e-4)


def test_writing_token_by_token_is_switched_as_reading_at_once(checkpoint: Checkpoint) -> None:
    edit = intervention_fn(checkpoint, parse_interventions("0.0=0 1.n5=9"))
    sampling = Sampling(temperature=0.0, max_tokens=8)
    (story,) = complete(checkpoint, ["One day"], sampling, intervention=edit)
    seen = checkpoint.tokenizer.encode_story("One day")
    for token in story.tokens:
        logits = functional.logits(checkpoint.weights, torch.tensor([seen]), intervention=edit)
        assert int(logits[0, -1].argmax()) == token
        seen.append(token)


def test_a_switch_that_changes_nothing_writes_the_same_story(checkpoint: Checkpoint) -> None:
    sampling = Sampling(max_tokens=12, seed=2)
    found = regenerate(checkpoint, "One day", parse_interventions("1.0=1, 0.n3=1"), sampling)
    assert found.switched == found.whole == complete(checkpoint, ["One day"], sampling)[0]
    assert (found.kept.mean, found.kept.low) == (1.0, 1.0) and found.across_seeds.mean < 1
    assert found.surprisal == pytest.approx(found.surprisal_intervened, abs=1e-5)


def test_a_part_that_writes_nothing_is_not_missed(checkpoint: Checkpoint) -> None:
    checkpoint.weights.blocks[0].W_O[: checkpoint.config.d_head] = 0.0
    found = regenerate(checkpoint, "One day", parse_interventions("0.0=0"), Sampling(max_tokens=8))
    assert found.switched == found.whole


def test_parts_read_back_as_they_are_written() -> None:
    interventions = parse_interventions("2.3, 1.n17=0 2.4=-1.5,,2.3=2")
    assert " ".join(map(str, interventions)) == "2.3=2 1.n17=0 2.4=-1.5"
    assert interventions[1] == Intervention(layer=1, index=17, neuron=True, factor=0.0)
    assert parse_interventions(" ") == ()
    for wrong in ("2", "2.x", "n2.3", "2.3=", "2.3=many", "-1.2"):
        with pytest.raises(BadInput, match="a part is written"):
            parse_interventions(wrong)


def test_a_part_the_model_lacks_is_named(checkpoint: Checkpoint) -> None:
    for wrong, line in (("2.0", "no 2.0"), ("0.2", "heads 0 to 1"), ("1.n64", "neurons 0 to 63")):
        with pytest.raises(BadInput, match=line):
            intervention_fn(checkpoint, parse_interventions(wrong))


def test_a_diff_keeps_every_character_and_marks_what_changed() -> None:
    before, after = word_diff("the red fox\nran home.", "the fox\nran back home.")
    assert "".join(w.text for w in before) == "the red fox\nran home."
    assert [w.text.strip() for w in before if not w.stays] == ["red"]
    assert [w.text.strip() for w in after if not w.stays] == ["back"]
    assert word_diff("", "") == ((), ())


def test_the_command_says_what_the_function_finds(
    checkpoint: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["regenerate", "tiny", "--prompt", "One day", "--max-tokens", "6", "--seed", "3"]
    assert main([*asked, "--off", "0.1", "--scale", "1.n17=0", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    found = regenerate(
        checkpoint, "One day", parse_interventions("0.1 1.n17=0"), Sampling(max_tokens=6, seed=3)
    )
    assert data["switched"] == ["0.1", "1.n17=0"]
    assert (data["whole_text"], data["switched_text"]) == (found.whole.text, found.switched.text)
    assert np.isclose(data["words_kept"]["mean"], found.kept.mean)
    assert main(asked) == 2
    assert "name a part" in capsys.readouterr().err
