"""The recipe's arithmetic, worked out by hand."""

import pytest

from slm.errors import BadInput
from slm.recipe import Recipe


def test_the_rate_warms_up_then_falls_to_nearly_nothing() -> None:
    recipe = Recipe(warmup=0.2)
    rates = [recipe.lr_scale(step, 10) for step in range(10)]
    assert rates[:2] == [0.5, 1.0]
    assert rates[2:] == pytest.approx([8 / 8, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8])


def test_checkpoints_are_dense_early_then_even_and_last() -> None:
    assert sorted(Recipe(checkpoints=4).checkpoint_steps(2000)) == [
        0,
        1,
        2,
        4,
        8,
        16,
        32,
        64,
        128,
        256,
        500,
        512,
        1000,
        1500,
        2000,
    ]
    assert sorted(Recipe(checkpoints=1).checkpoint_steps(3)) == [0, 1, 2, 3]


def test_steps_read_the_tokens_asked_for() -> None:
    assert Recipe(tokens=4096 * 10, batch=16).steps(256) == 10
    assert Recipe(tokens=1, batch=16).steps(256) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"tokens": 0},
        {"batch": 0},
        {"batch": 10**9},
        {"checkpoints": 10**9},
        {"muon_lr": 0.0},
        {"adam_lr": float("nan")},
        {"muon_lr": float("inf")},
        {"weight_decay": -0.1},
        {"warmup": 1.0},
    ],
)
def test_a_recipe_that_trains_nothing_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BadInput, match=next(iter(wrong))):
        Recipe(**wrong)
