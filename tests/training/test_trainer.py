"""Muon and AdamW: which parameters each trains, what decays, the schedule, clipping, divergence."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from slm.model.config import ModelConfig
from slm.model.weights import Weights, initialise
from slm.recipe import RECIPES, Recipe
from slm.stories.corpus import Corpus
from slm.training.data import PackedSampler
from slm.training.trainer import Diverged, Trainer, train

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
    parameters = dict(initialise(CONFIG, 0).named_parameters())
    found = list(groups(recipe))
    assert sorted(name for name, *_ in found) == sorted(parameters)
    for name, _, group in found:
        assert group["weight_decay"] == (0.1 if parameters[name].ndim == 2 else 0.0), name


def test_our_recipe_gives_the_blocks_matrices_to_muon_and_the_rest_to_adamw() -> None:
    for name, optimizer, group in groups(Recipe()):
        in_block = name.startswith("blocks.") and ".W_" in name
        assert optimizer is (torch.optim.Muon if in_block else torch.optim.AdamW), name
        assert group["lr"] == (0.015 if in_block else 0.016)
        assert not in_block or group["momentum"] == 0.95


def test_muons_first_step_has_the_size_of_adamws_in_every_shape() -> None:
    """Its root mean square is 0.2 times the rate (Liu et al. 2025, arXiv:2502.16982)."""
    trainer = Trainer(initialise(CONFIG, 0), Recipe(weight_decay=0.0))
    before = copies(trainer.weights)
    trainer.step(ROWS, 1.0)
    for name, now in trainer.weights.named_parameters():
        if name.startswith("blocks.") and now.ndim == 2:
            moved = now.detach() - before[name]
            assert moved.square().mean().sqrt().item() == pytest.approx(0.2 * 0.015, rel=0.2), name


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
    # AdamW's first step is the learning rate times the gradient's sign
    for name, leaf in trainer.weights.named_parameters():
        decayed = before[name] * (1 - 5e-4 * 0.1) if leaf.ndim == 2 else before[name]
        moved = (leaf.detach() - decayed).abs()
        assert moved.max() <= 5e-4 + 1e-7, name
        assert name == "b_U" or moved.max() == pytest.approx(5e-4, rel=0.02), name


ROWS = torch.randint(0, 64, (4, 17), generator=torch.Generator().manual_seed(0))


def copies(weights: Weights) -> dict[str, torch.Tensor]:
    """The parameters as they are now."""
    return {name: tensor.detach().clone() for name, tensor in weights.named_parameters()}


def with_gradients(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch, gradient: Callable[[Tensor], Tensor]
) -> None:
    """Let every step's gradient be this of each parameter, whatever the rows are."""

    def loss(weights: Weights, rows: Tensor, dtype: torch.dtype) -> Tensor:
        return sum((p * gradient(p.detach())).sum() for _, p in weights.named_parameters())

    monkeypatch.setattr("slm.training.trainer.functional.loss", loss)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_without_a_gradient_matrices_shrink_and_gains_and_biases_stay(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(initialise(CONFIG, 0), recipe)
    with torch.no_grad():
        for _, parameter in trainer.weights.named_parameters():
            parameter.add_(0.5)  # biases, too, so that they could shrink
    before = copies(trainer.weights)
    with_gradients(trainer, monkeypatch, torch.zeros_like)
    trainer.step(ROWS, 0.5)
    for name, now in trainer.weights.named_parameters():
        muon = recipe.optimizer == "muon" and name.startswith("blocks.")
        lr = 0.5 * (recipe.muon_lr if muon else recipe.adam_lr)
        kept = 1 - lr * recipe.weight_decay if now.ndim == 2 else 1.0
        assert torch.allclose(now, before[name] * kept, rtol=1e-6, atol=0), name


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_half_the_scale_is_half_the_first_step_of_every_parameter(recipe: Recipe) -> None:
    moved = {}
    for scale in (1.0, 0.5):
        trainer = Trainer(initialise(CONFIG, 0), replace(recipe, weight_decay=0.0))
        before = copies(trainer.weights)
        trainer.step(ROWS, scale)
        moved[scale] = {n: p.detach() - before[n] for n, p in trainer.weights.named_parameters()}
    for name, whole in moved[1.0].items():
        assert whole.abs().max() > 0, name
        assert torch.allclose(moved[0.5][name] * 2, whole, rtol=1e-3, atol=1e-6), name


def test_the_schedule_of_the_recipe_is_what_every_step_is_scaled_by() -> None:
    recipe = Recipe(batch=2, warmup=0.5)
    trainer = Trainer(initialise(CONFIG, 0), recipe)
    seen = []
    for step in train(trainer, one_story(), first=0, steps=4):
        seen.append(step.lr_scale)
        lrs = {group["lr"] for opt, _ in trainer._optimizers.values() for group in opt.param_groups}
        assert lrs == {0.015 * step.lr_scale, 0.016 * step.lr_scale}
    assert seen == [recipe.lr_scale(done, 4) for done in range(4)] == [0.5, 1.0, 1.0, 0.5]


def one_story() -> PackedSampler:
    """Rows of a corpus of one story."""
    tokens = np.arange(50, dtype=np.uint16) % 64
    starts = np.zeros(1, dtype=np.int64)
    return PackedSampler(Corpus(tokens=tokens, starts=starts, n_bytes=1, hash=""), 16, 0)


def test_the_gradient_is_clipped_to_the_recipes_norm_and_its_own_norm_is_returned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer = Trainer(initialise(CONFIG, 0), Recipe(clip=0.25))
    with_gradients(trainer, monkeypatch, lambda parameter: torch.full_like(parameter, 3.0))
    used: list[float] = []

    def note(*_: object) -> None:
        gradients = [p.grad for _, p in trainer.weights.named_parameters() if p.grad is not None]
        used.append(math.sqrt(sum(float(gradient.square().sum()) for gradient in gradients)))

    trainer._optimizers["muon"][0].register_step_pre_hook(note)  # which comes first
    _, norm = trainer.step(ROWS, 1.0)
    count = sum(p.numel() for _, p in trainer.weights.named_parameters())
    assert norm == pytest.approx(3.0 * math.sqrt(count))
    assert used == pytest.approx([0.25])


def test_a_small_gradient_is_not_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = []
    for clip in (1.0, 1e6):
        trainer = Trainer(initialise(CONFIG, 0), Recipe(clip=clip))
        with_gradients(trainer, monkeypatch, lambda parameter: torch.full_like(parameter, 1e-4))
        trainer.step(ROWS, 1.0)
        moved.append(copies(trainer.weights))
    assert all(moved[0][name].equal(moved[1][name]) for name in moved[0])


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_what_is_restored_takes_the_steps_that_would_have_been_taken(recipe: Recipe) -> None:
    whole, again = Trainer(initialise(CONFIG, 0), recipe), Trainer(initialise(CONFIG, 1), recipe)
    for _ in range(3):
        whole.step(ROWS, 1.0)
    state = whole.state()
    again.restore(state)
    assert [whole.step(ROWS, 0.5), whole.step(ROWS, 0.5)] == [
        again.step(ROWS, 0.5),
        again.step(ROWS, 0.5),
    ]
    ours, theirs = copies(whole.weights), copies(again.weights)
    assert all(ours[name].equal(theirs[name]) for name in ours)
    assert {name.split("/")[0] for name in state} == {"weights", "adam"} | (
        {"muon"} if recipe.optimizer == "muon" else set()
    )


@pytest.mark.parametrize(
    ("loss", "at", "complaint"),
    [
        (math.nan, 1, "the loss is nan at step 1"),
        (math.inf, 1, "the loss is inf at step 1"),
        (math.log(64) + 1.01, 20, r"worse than guessing \(4.16\)"),
    ],
)
def test_a_loss_that_says_nothing_ends_the_training(
    loss: float, at: int, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(initialise(CONFIG, 0), Recipe(batch=2))
    monkeypatch.setattr(trainer, "step", lambda rows, lr_scale: (loss, 1.0))
    seen = []
    with pytest.raises(Diverged, match=complaint):
        for step in train(trainer, one_story(), first=0, steps=30):
            seen.append(step.step)
    assert seen == list(range(1, at))


def test_a_loss_barely_worse_than_guessing_or_for_a_while_ends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer = Trainer(initialise(CONFIG, 0), Recipe(batch=2))
    losses = [math.log(64) + 0.99] * 25 + ([9.0] * 19 + [1.0]) * 2
    told = iter(losses)
    monkeypatch.setattr(trainer, "step", lambda rows, lr_scale: (next(told), 1.0))
    steps = train(trainer, one_story(), first=0, steps=len(losses))
    assert [step.loss for step in steps] == losses


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_the_rate_reaches_every_optimizer(recipe: Recipe) -> None:
    trainer = Trainer(initialise(CONFIG, 0), recipe)
    rows = torch.randint(0, 64, (4, 17), generator=torch.Generator().manual_seed(0))
    before = {name: leaf.detach().clone() for name, leaf in trainer.weights.named_parameters()}
    trainer.step(rows, 0.0)
    for name, leaf in trainer.weights.named_parameters():
        assert leaf.equal(before[name]), name
