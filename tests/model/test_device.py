"""Whatever device holds a model's weights, all that is computed with them is computed there."""

from dataclasses import replace

import pytest
import torch

from slm.generation.beam import grow, log_probabilities
from slm.generation.sampler import Sampling, complete, stream
from slm.model import functional
from slm.model.config import ModelConfig
from slm.model.loss import story_loss
from slm.model.weights import Weights, initialise
from slm.recipe import RECIPES, Precision, Recipe
from slm.runs import Address, Checkpoint
from slm.stories.tokenizer import Tokenizer
from slm.training.throughput import measure_throughput
from slm.training.trainer import Trainer
from tests.stand_in import DEVICE, NAME, another_device, stand_in

CONFIGS = {
    "learned": ModelConfig(d_model=16, n_layers=2, n_heads=2, d_vocab=512, n_ctx=48),
    "paper": ModelConfig(
        d_model=16, n_layers=2, n_heads=2, d_vocab=512, n_ctx=48, attn_scale=False, local_window=8
    ),
    "llama": ModelConfig(
        d_model=16,
        n_layers=2,
        n_heads=2,
        d_vocab=512,
        n_ctx=48,
        normalization_type="RMS",
        positional_embedding_type="rotary",
        act_fn="silu",
        gated_mlp=True,
        tied=False,
    ),
}
BEGINNINGS = ["One day, Tom", "Sue had a ball. She", "The"]


@pytest.fixture(params=CONFIGS)
def config(request: pytest.FixtureRequest) -> ModelConfig:
    return CONFIGS[request.param]


def checkpoint_of(weights: Weights, tokenizer: Tokenizer) -> Checkpoint:
    return Checkpoint(
        address=Address("m", 0), config=weights.config, weights=weights, tokenizer=tokenizer
    )


@pytest.mark.skipif(DEVICE != NAME, reason="a real device is there")
def test_the_device_that_is_none_knows_what_lies_elsewhere() -> None:
    with stand_in() as device:
        there = torch.ones(3, device=device)
        assert str(there.device) == str((there * 2).device) == device
        assert (there.cpu() + torch.ones(3)).tolist() == [2, 2, 2]
        for mix in (lambda: there + torch.ones(3), lambda: torch.stack([there, torch.ones(3)])):
            with pytest.raises(RuntimeError, match="tensors lie on"):
                mix()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_a_step_learns_the_same(config: ModelConfig, precision: Precision, recipe: Recipe) -> None:
    rows = torch.randint(0, 512, (4, 49), generator=torch.Generator().manual_seed(0))
    recipe = replace(recipe, precision=precision)
    here = Trainer(initialise(config, 0), recipe)
    losses = [here.step(rows, 0.1) for _ in range(2)]
    with another_device() as device:
        there = Trainer(initialise(config, 0, device), recipe)
        for loss in losses:
            assert there.step(rows.to(device), 0.1) == pytest.approx(loss, rel=1e-3)
        again = Trainer(initialise(config, 1, device), recipe)
        again.restore(there.state())
        assert again.step(rows.to(device), 0.1) == pytest.approx(here.step(rows, 0.1), rel=1e-3)


def test_the_same_stories_are_written_and_cost_the_same(
    config: ModelConfig, tokenizer: Tokenizer
) -> None:
    stories = [tokenizer.encode_story(text) for text in BEGINNINGS]

    def all_of_it(weights: Weights) -> tuple[list[object], list[float]]:
        checkpoint = checkpoint_of(weights, tokenizer)
        written = complete(checkpoint, BEGINNINGS, Sampling(max_tokens=12, top_k=40, top_p=0.9))
        taken = complete(checkpoint, BEGINNINGS, Sampling(max_tokens=5), forced={3: 5})
        streamed = list(stream(checkpoint, BEGINNINGS[0], Sampling(max_tokens=12, alternatives=2)))
        grown = grow(weights, stories, tokenizer.end, 3, 4)
        row = torch.tensor(stories[:1], device=weights.W_E.device)
        cache = functional.ActivationCache(["blocks.1.attn.hook_pattern"])
        functional.logits(weights, row, hook=cache)
        numbers = [token.probability for token in streamed]
        numbers += log_probabilities(checkpoint, "Tom", [" ran", " had a"])
        numbers.append(story_loss(weights, tokenizer, stories).loss)
        numbers += cache["blocks.1.attn.hook_pattern"].flatten().tolist()
        tokens = [token.token for token in streamed]
        return [written, taken, tokens, grown.tokens.tolist()], numbers

    texts, numbers = all_of_it(initialise(config, 3))
    with another_device() as device:
        same, alike = all_of_it(initialise(config, 3, device))
    assert same == texts
    assert alike == pytest.approx(numbers, rel=1e-4)


def test_the_time_a_training_takes_is_measured_where_it_will_train() -> None:
    with another_device() as device:
        speed = measure_throughput(CONFIGS["learned"], Recipe(batch=2), device=device)
    assert speed.tokens_per_second > 0
