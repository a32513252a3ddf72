"""Bands: one place from each, nearest its middle; an empty band is left out."""

import pytest

from slm.errors import BadInput
from slm.interp.neurons.activations import activations
from slm.interp.neurons.bands import band_examples
from slm.interp.neurons.index import index_of
from slm.runs import Checkpoint
from tests.conftest import little_stories


def test_each_lower_band_gives_the_place_nearest_its_middle(checkpoint: Checkpoint) -> None:
    index = index_of(checkpoint, little_stories(9), "a few stories")
    top, low = float(index.highest[1, 3]), float(index.lowest[1, 3])
    assert low < 0 < top
    found = band_examples(checkpoint, index, 1, 3)
    assert [one.low for one in found] == pytest.approx([top / 3, 0, low])
    assert [one.high for one in found] == pytest.approx([2 * top / 3, top / 3, 0])
    values = [
        float(value)
        for story in range(9)
        for value in activations(checkpoint, [index.tokens(story)])[0][1, :, 3]
    ]
    for one in found:
        middle = (one.low + one.high) / 2
        inside = [value for value in values if one.low <= value <= one.high]
        nearest = min(inside, key=lambda value: abs(value - middle))
        assert one.example.value == pytest.approx(nearest, abs=1e-5)


def test_a_neuron_of_one_value_has_no_place_between(park_neuron: Checkpoint) -> None:
    index = index_of(park_neuron, little_stories(20), "a few stories")
    found = band_examples(park_neuron, index, 0, 7)
    assert [one.high for one in found] == [0]
    with pytest.raises(BadInput, match="layer must lie in 0 to"):
        band_examples(park_neuron, index, 9, 7)
