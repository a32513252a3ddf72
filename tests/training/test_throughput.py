"""What a shape's throughput says a training costs, by hand."""

from slm.recipe import Recipe
from slm.training.throughput import Throughput

SPEED = Throughput(tokens_per_second=1000.0, seconds_per_checkpoint=1.0, n_ctx=50, memory=1)


def test_the_tokens_of_a_time_are_whole_steps_and_at_least_one() -> None:
    recipe = Recipe(batch=2, checkpoints=9)
    assert SPEED.tokens_in(100.05, recipe) == 80_000  # without 20 checkpoints, in steps of 100
    assert SPEED.tokens_in(0.001, recipe) == 100
