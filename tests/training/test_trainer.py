"""What learns by which rule: Muon or AdamW, what decays, and how fast."""

from collections.abc import Iterator

import pytest
import torch

from slm.model.config import ModelConfig
from slm.model.weights import initialise
from slm.recipe import RECIPES, Recipe
from slm.training.trainer import Trainer

CONFIG = ModelConfig(d_model=8, n_layers=2, n_heads=2, d_vocab=64, n_ctx=16, tied=False)


def groups(recipe: Recipe) -> Iterator[tuple[str, type, dict[str, object]]]:
    """Each trained tensor's name, with its optimizer and the settings there."""
    trainer = Trainer(initialise(CONFIG, 0), recipe)
    name_of = {id(leaf): name for name, leaf in trainer.weights.named_parameters()}
    for optimizer, _ in trainer._optimizers.values():
        for group in optimizer.param_groups:
            for leaf in group["params"]:
                yield name_of[id(leaf)], type(optimizer), group


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_every_tensor_learns_once_and_matrices_alone_decay(recipe: Recipe) -> None:
    leaves = dict(initialise(CONFIG, 0).named_parameters())
    found = list(groups(recipe))
    assert sorted(name for name, *_ in found) == sorted(leaves)
    for name, _, group in found:
        assert group["weight_decay"] == (0.1 if leaves[name].ndim == 2 else 0.0), name


def test_our_recipe_gives_the_blocks_matrices_to_muon_and_the_rest_to_adamw() -> None:
    for name, optimizer, group in groups(Recipe()):
        in_block = name.startswith("blocks.") and ".W_" in name
        assert optimizer is (torch.optim.Muon if in_block else torch.optim.AdamW), name
        assert group["lr"] == (0.015 if in_block else 0.016)


def test_the_papers_recipe_is_adamw_at_a_constant_rate() -> None:
    recipe = RECIPES["paper"]
    for _, optimizer, group in groups(recipe):
        assert optimizer is torch.optim.AdamW
        assert (group["lr"], group["betas"]) == (5e-4, (0.9, 0.95))
    assert {recipe.lr_scale(step, 100) for step in range(100)} == {1.0}
    assert recipe.learning_rate == 5e-4


def test_the_papers_first_step_is_the_one_worked_out_by_hand() -> None:
    trainer = Trainer(initialise(CONFIG, 0), RECIPES["paper"])
    before = {name: leaf.detach().clone() for name, leaf in trainer.weights.named_parameters()}
    rows = torch.randint(0, 64, (4, 17), generator=torch.Generator().manual_seed(0))
    trainer.step(rows, 1.0)
    for (
        name,
        leaf,
    ) in trainer.weights.named_parameters():  # AdamW's first step is lr times the gradient's sign
        decayed = before[name] * (1 - 5e-4 * 0.1) if leaf.ndim == 2 else before[name]
        moved = (leaf.detach() - decayed).abs()
        assert moved.max() <= 5e-4 + 1e-7, name
        assert name == "b_U" or moved.max() == pytest.approx(5e-4, rel=0.02), name


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_the_rate_reaches_every_optimizer(recipe: Recipe) -> None:
    trainer = Trainer(initialise(CONFIG, 0), recipe)
    rows = torch.randint(0, 64, (4, 17), generator=torch.Generator().manual_seed(0))
    before = {name: leaf.detach().clone() for name, leaf in trainer.weights.named_parameters()}
    trainer.step(rows, 0.0)
    for name, leaf in trainer.weights.named_parameters():
        assert leaf.equal(before[name]), name
