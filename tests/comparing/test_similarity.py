"""Similarity is blind to rotation and scale, 1 with itself, and near 0 for strangers."""

import pytest
import torch

from slm.comparing.similarity import cka, similarity
from slm.runs import Checkpoint
from tests.comparing.conftest import permuted
from tests.conftest import little_stories


def test_cka_does_not_see_rotation_scale_or_shift() -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(500, 6, generator=draw)
    turn, _ = torch.linalg.qr(torch.randn(6, 6, generator=draw))
    y = torch.randn(500, 9, generator=draw)
    assert cka(x, x) == pytest.approx(1)
    assert cka(x, 7.5 * x @ turn + 3) == pytest.approx(1, abs=1e-5)
    assert cka(x, y) == pytest.approx(cka(-2 * x @ turn, y), rel=1e-4)
    assert 0 <= cka(x, y) < 0.1


def test_cka_of_two_numbers_is_their_correlation_squared() -> None:
    x = torch.tensor([[0.0], [1.0], [2.0]])
    y = torch.tensor([[0.0], [1.0], [0.0]])
    assert cka(x, y) == pytest.approx(0)
    assert cka(x, torch.tensor([[0.0], [1.0], [1.0]])) == pytest.approx(0.75)


def test_a_model_is_the_same_as_itself_in_every_layer_and_part(checkpoint: Checkpoint) -> None:
    found = similarity(checkpoint, checkpoint, little_stories(4))
    assert found.activations.diagonal() == pytest.approx(1)
    assert found.weights is not None and list(found.weights.values()) == pytest.approx([1] * 6)
    assert found.places == sum(len(checkpoint.tokenizer.encode(t)) for t in little_stories(4))


def test_another_order_of_heads_changes_weights_and_no_activation(checkpoint: Checkpoint) -> None:
    turned = permuted(checkpoint, [[1, 0], [1, 0]], [list(range(63, -1, -1))] * 2)
    found = similarity(checkpoint, turned, little_stories(4))
    assert found.activations.diagonal() == pytest.approx(1, abs=1e-5)
    assert found.weights is not None
    assert found.weights["embedding"] == pytest.approx(1)
    assert found.weights["attention 0"] < 0.5 and found.weights["MLP 1"] < 0.5


def test_of_other_shapes_and_tokens_only_activations_are_compared(
    checkpoint: Checkpoint, other: Checkpoint
) -> None:
    found = similarity(checkpoint, other, little_stories(4))
    assert found.weights is None and found.activations.shape == (3, 2)
