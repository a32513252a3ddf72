"""Random directions: the same entries, read by other neurons, firing as often as those they replace."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from slm.interp.roles.random_directions import firing_as_often, random_directions
from tests.interp.nursery_models import random_model


def test_the_entries_of_the_input_weights_are_dealt_anew_and_nothing_else() -> None:
    block = random_model().weights.blocks[1]
    block = replace(block, W_gate=torch.randn(block.W_in.shape))
    found = random_directions(block, torch.Generator().manual_seed(0))
    for mine, theirs in ((found.W_in, block.W_in), (found.W_gate, block.W_gate)):
        assert mine is not None and theirs is not None
        assert not torch.equal(mine, theirs)
        assert torch.equal(mine.flatten().sort().values, theirs.flatten().sort().values)
    for name in ("ln2_w", "ln2_b", "b_in", "W_out", "b_out", "W_QKV"):
        assert getattr(found, name) is getattr(block, name)
    again = random_directions(block, torch.Generator().manual_seed(0))
    assert torch.equal(again.W_in, found.W_in)


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_a_direction_fires_on_as_many_words_as_the_neuron_whose_place_it_takes(kind: type) -> None:
    draw = np.random.default_rng(0)
    acts = (draw.normal(size=(6, 400)) + 5).astype(kind)
    shifts = np.array([-9, -2, -1, 0, 1, 9])[:, None]
    like = (draw.normal(size=(6, 400)) + shifts).astype(kind)
    found = firing_as_often(acts, like)
    assert np.abs((found > 0).sum(1) - (like > 0).sum(1)).max() <= 2  # equal values share a side
    assert (found[0] > 0).sum() == 0 and (found[5] > 0).all()
    order = np.argsort(acts.astype(np.float32), axis=1)
    assert (np.diff(np.take_along_axis(found, order, axis=1).astype(np.float32)) >= 0).all()
