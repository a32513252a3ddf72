"""The options of `slm train` and the specification that they mean, both ways."""

from dataclasses import replace

import pytest

from slm.errors import BadInput
from slm.model.config import PRESETS, named_shape
from slm.recipe import RECIPES, Recipe
from slm.runs import Checkpoint
from slm.training.options import parse, words_of
from slm.training.spec import ResumeSpec, TrainingSpec


def test_without_options_a_small_model_reads_the_nursery() -> None:
    assert parse("r", []) == TrainingSpec(
        name="r", config=named_shape("64x2x4"), corpus="nursery", recipe=Recipe()
    )


def test_every_option_reaches_its_field() -> None:
    words = (
        "--corpus nursery:9 --valid shipped --shape 16x1x2 --tokens 1.5M --vocab 600 --context 32 "
        "--batch 4 --seed 3 --checkpoints 7 --precision float32 --muon-lr 0.5 --adam-lr 0.25 "
        "--device cpu --without summary+Words"
    )
    assert parse("r", words.split()) == TrainingSpec(
        name="r",
        config=replace(named_shape("16x1x2"), d_vocab=600, n_ctx=32),
        corpus="nursery:9",
        valid="shipped",
        without=("Words", "Summary"),
        recipe=Recipe(
            tokens=1_500_000,
            batch=4,
            seed=3,
            checkpoints=7,
            precision="float32",
            muon_lr=0.5,
            adam_lr=0.25,
        ),
        device="cpu",
    )
    branch = parse("r", ["--from", "a@5", "--recipe", "paper", "--minutes", "2"])
    assert branch == TrainingSpec(name="r", parent="a@5", recipe=RECIPES["paper"], minutes=2.0)


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ("--tokens 5 --minutes 5", "not both"),
        ("--from a --shape 16x1x2 --vocab 512", "leave out --shape and --vocab"),
        ("--from a --context 20", "leave out --context"),
        ("--recipe paper --muon-lr 0.1", "has no Muon"),
        ("--tokens many", "a count is a number"),
        ("--seed -1", "a seed is a whole number"),
        ("--tok 5", "unrecognized arguments: --tok 5"),
    ],
)
def test_options_that_contradict_each_other_are_one_line(words: str, wrong: str) -> None:
    with pytest.raises(BadInput, match=wrong):
        parse("r", words.split())


@pytest.mark.parametrize(
    "spec",
    [
        TrainingSpec(name="r", config=named_shape("64x2x4")),
        TrainingSpec(name="r", config=PRESETS["paper-1M"], recipe=RECIPES["paper"], minutes=0.5),
        TrainingSpec(name="r", config=replace(PRESETS["paper-1M"], d_vocab=512, n_ctx=64)),
        TrainingSpec(name="r", config=PRESETS["quick"], corpus="nursery:9", valid="shipped"),
        TrainingSpec(
            name="r",
            parent="a@5",
            recipe=Recipe(tokens=10, batch=2, seed=9, checkpoints=1, muon_lr=0.5, adam_lr=1e-4),
            device="cpu",
        ),
    ],
)
def test_the_options_of_a_specification_mean_it(spec: TrainingSpec) -> None:
    assert parse("r", words_of(spec)) == spec


def test_a_resumed_run_is_named_with_where_its_stories_lie_now(checkpoint: Checkpoint) -> None:
    words = ["--resume", "--corpus", "/moved.txt", "--device", "cpu"]
    name = checkpoint.address.run
    assert parse(name, words) == ResumeSpec(name=name, corpus="/moved.txt", device="cpu")
