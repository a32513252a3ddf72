"""Ablations of the shipped stories are those that the Predictions page shows."""

import numpy as np
import pytest

from slm.interp.predictions.ablation import ablate_heads
from slm.overview import predictions
from slm.overview.predictions import ablations, flipped, largest, largest_on, names_to_swap
from slm.progress import result_of
from slm.runs import Checkpoint
from tests.interp.nursery_models import random_model


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Checkpoint:
    monkeypatch.setattr(predictions, "STORIES", 3)
    monkeypatch.setattr(predictions, "LENGTH", 24)
    return random_model(3)


def test_each_effect_is_the_rise_in_loss_when_the_head_is_its_mean(model: Checkpoint) -> None:
    found = result_of(ablations(model))
    assert found.effect.shape == (2, 2, 3, 23)
    for row, place in ((0, 4), (2, 20)):
        prompt = found.tokens[row, : place + 2].tolist()
        loss = ablate_heads(model, prompt, "mean").loss
        assert found.effect[:, :, row, place] == pytest.approx(loss, abs=1e-4)


def test_only_words_that_the_model_is_sure_of_are_looked_at(model: Checkpoint) -> None:
    found = result_of(ablations(model))
    assert not found.sure.any()  # a random model is sure of none
    assert largest(model, found) is None and flipped(model, found) is None
    assert largest_on(found, model, pronouns=False) == 0.0


def test_the_largest_effect_needs_resample_ablation_too_and_names_the_other_heads(
    model: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = result_of(ablations(model))
    found.sure[:] = True  # as if it were
    monkeypatch.setattr(predictions, "NEEDED", 0.0)
    one = largest(model, found)
    assert one is not None
    row = found.stories.index(one.story)
    effects = found.effect[:, :, row, one.token - 1]
    assert one.effect == pytest.approx(effects[one.layer, one.head], abs=1e-4)
    others = np.delete(effects.ravel(), 2 * one.layer + one.head)
    assert one.control == pytest.approx(others.mean(), abs=1e-4)
    assert min(one.effect, one.resampled) >= one.control  # neither is what any head costs
    monkeypatch.setattr(predictions, "NEEDED", 50.0)
    assert largest(model, found) is None


def test_a_name_is_swapped_for_one_of_as_many_tokens_that_the_text_lacks(model: Checkpoint) -> None:
    text = "Tom had a ball. Amy saw it."
    names = names_to_swap(model, text)
    assert names is not None and names[0] == "Tom" and names[1] not in text
    encode = model.tokenizer.encode_story
    assert len(encode(text)) == len(encode(text.replace(*names)))
    assert names_to_swap(model, "the dog had a ball") is None
