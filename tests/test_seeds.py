"""Any seed of 64 bits works in every command, and means what it meant; others are refused at once."""

from pathlib import Path

import pytest
import torch

from slm.cli import main
from slm.errors import BadInput
from slm.generation.sampler import Sampling, complete
from slm.grading.items import Item, items
from slm.grading.store import GradeStore
from slm.model.config import ModelConfig
from slm.model.weights import initialise
from slm.recipe import Recipe
from slm.runs import Checkpoint
from slm.seeds import LARGEST_SEED, check_seed, derived_seed, generator_seed
from tests.grading.keeping import keep

LARGE = (10**10, 1_732_569_600_000, 2 * 10**13, 2**63 - 1, 2**63, LARGEST_SEED)
OUTSIDE = (-1, LARGEST_SEED + 1)


def drawn(seed: int, stream: int | None = None) -> list[float]:
    """The first numbers of torch's generator."""
    generator = torch.Generator().manual_seed(generator_seed(seed, stream))
    return torch.rand(3, generator=generator).tolist()


def test_a_seed_of_32_bits_draws_what_it_always_drew() -> None:
    for seed in (0, 7, 10**6, 2**32 - 1):
        assert generator_seed(seed) == seed
        assert generator_seed(seed, 3) == seed * 1_000_003 + 3
        assert derived_seed(seed) == seed


def test_seeds_that_differ_in_their_upper_bits_only_draw_other_numbers() -> None:
    seeds = [5 + upper * 2**32 for upper in (0, 1, 2, 2**31)]
    assert len({tuple(drawn(seed)) for seed in seeds}) == len(seeds)
    assert len({tuple(drawn(seed, 1)) for seed in seeds}) == len(seeds)
    config = ModelConfig(d_model=8, n_layers=1, n_heads=1, d_vocab=64)
    first, second = (initialise(config, seed).W_E for seed in seeds[:2])
    assert not first.equal(second)


def test_a_number_too_large_for_a_seed_gives_one() -> None:
    numbers = [LARGEST_SEED * 1000 + sample for sample in range(50)]
    found = [derived_seed(number) for number in numbers]
    assert len(set(found)) == 50 and all(check_seed(seed) == seed for seed in found)


@pytest.mark.parametrize("seed", LARGE)
def test_stories_are_written_and_graded_with_any_seed(checkpoint: Checkpoint, seed: int) -> None:
    sampling = Sampling(seed=seed, max_tokens=5)
    assert complete(checkpoint, ["Tom"], sampling) == complete(checkpoint, ["Tom"], sampling)
    first, second = items(checkpoint, ["Tom"], 2, seed)
    assert first.completion != second.completion


def test_a_grade_keeps_the_seed_of_its_story(tmp_path: Path) -> None:
    store = GradeStore(tmp_path / "grades.sqlite")
    for seed in LARGE:
        item = Item(
            address="m@1",
            opening=f"o{seed}",
            completion="c",
            opening_index=0,
            completion_index=0,
            seed=seed,
        )
        keep(store, item)
        keep(store, item)  # it is known
    assert {said.item.seed for said in store.conversations()} == set(LARGE)


@pytest.mark.parametrize("seed", OUTSIDE)
def test_other_numbers_are_no_seeds(seed: int) -> None:
    for make in (Sampling, Recipe):
        with pytest.raises(BadInput, match=f"from 0 to {LARGEST_SEED}, not {seed}"):
            make(seed=seed)


@pytest.mark.parametrize("seed", [*map(str, OUTSIDE), "1.5", "", "9" * 5000])
@pytest.mark.parametrize(
    "command",
    [
        "sample tiny",
        "grade tiny --dry-run",
        "train --name new --corpus nursery:200",
        "memorize tiny",
        "roles tiny",
        "protagonist tiny",
        "sweep --name s --shapes 8x1x1 --",
        "queue add new",
    ],
)
def test_a_number_that_is_no_seed_is_refused_before_anything_is_written(
    checkpoint: Checkpoint, runs: Path, command: str, seed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(runs.rglob("*"))
    assert main([*command.split(), "--seed", seed]) == 2
    said = capsys.readouterr().err
    assert "a seed is a whole number from 0 to 18446744073709551615" in said
    assert said.count("\n") == 1
    assert sorted(runs.rglob("*")) == before


@pytest.mark.parametrize("seed", ["10000000000", "9223372036854775808", str(LARGEST_SEED)])
def test_a_model_is_trained_with_any_seed(corpus: Path, runs: Path, seed: str) -> None:
    shape = ["--shape", "8x1x1", "--vocab", "512", "--context", "16", "--batch", "4"]
    asked = ["--corpus", str(corpus), *shape, "--tokens", "64", "--seed", seed]
    assert main(["train", "--name", "seeded", *asked]) == 0
