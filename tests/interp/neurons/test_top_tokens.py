"""Top tokens: exactly the mean and the maximum over all places; a neuron of one token lists it first."""

import numpy as np
import pytest

from slm.errors import BadInput
from slm.interp.neurons.activations import activations
from slm.interp.neurons.index import index_of
from slm.interp.neurons.top_tokens import token_values
from slm.runs import Checkpoint
from tests.conftest import little_stories


def test_mean_highest_and_count_are_those_of_every_place_longer_than_the_context_too(
    checkpoint: Checkpoint,
) -> None:
    texts = [*little_stories(6), " ".join(little_stories(12))]
    index = index_of(checkpoint, texts, "a few stories")
    assert max(len(index.tokens(story)) for story in range(7)) > checkpoint.config.n_ctx
    found = token_values(checkpoint, index)
    stories = [index.tokens(story) for story in range(index.n_stories)]
    ids = np.concatenate(stories)
    acts = np.concatenate([act.numpy() for act in activations(checkpoint, stories)], axis=1)
    assert found.n_tokens == len(ids) == index.n_tokens
    for row, token in enumerate(found.ids):
        there = acts[:, ids == token]
        assert found.count[row] == (ids == token).sum()
        np.testing.assert_allclose(found.mean[:, row], there.mean(1), atol=1e-5)
        np.testing.assert_allclose(found.highest[:, row], there.max(1), atol=1e-5)


def test_a_neuron_that_fires_on_park_alone_lists_park_first_and_alone_above_0(
    park_neuron: Checkpoint,
) -> None:
    index = index_of(park_neuron, little_stories(40), "a few stories")
    (park,) = park_neuron.tokenizer.encode(" park")
    values = token_values(park_neuron, index)
    first, *others = values.top(index, park_neuron, 0, 7)
    assert (first.token, first.of_strongest) == (" park", 1.0)
    assert first.count == int((index.ids == park).sum())
    assert first.mean == pytest.approx(first.highest, abs=1e-4)
    assert all(one.highest <= 0 and one.of_strongest == 0 for one in others)
    assert [one.mean for one in others] == sorted((one.mean for one in others), reverse=True)


def test_a_token_that_occurs_once_is_listed_only_where_asked(park_neuron: Checkpoint) -> None:
    index = index_of(park_neuron, ["They went to the park."], "one story")
    values = token_values(park_neuron, index)
    assert " park" not in [one.token for one in values.top(index, park_neuron, 0, 7)]
    assert values.top(index, park_neuron, 0, 7, least=1)[0].token == " park"


def test_only_the_first_stories_are_read_and_bad_numbers_are_named(park_neuron: Checkpoint) -> None:
    index = index_of(park_neuron, little_stories(5), "a few stories")
    values = token_values(park_neuron, index, 2)
    assert (values.n_stories, values.n_tokens) == (2, int(index.starts[2]))
    with pytest.raises(BadInput, match="stories must be 1 or more, not 0"):
        token_values(park_neuron, index, 0)
    with pytest.raises(BadInput, match="least must be 1 or more, not 0"):
        values.top(index, park_neuron, 0, 7, least=0)
    with pytest.raises(BadInput, match="neuron must lie in 0 to"):
        values.top(index, park_neuron, 0, 10**6)
