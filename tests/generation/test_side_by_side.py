"""Several models complete one opening: the sampler's stories, and models of several sizes at first."""

from dataclasses import replace
from pathlib import Path

import pytest

from slm.cli import main
from slm.errors import BadInput
from slm.generation.sampler import Sampling, complete
from slm.generation.side_by_side import complete_side_by_side, spread
from slm.model.config import ModelConfig
from slm.model.weights import initialise
from slm.progress import result_of
from slm.runs import Checkpoint, Metric, Run, RunInfo
from slm.stories.tokenizer import Tokenizer

SAMPLING = Sampling(max_tokens=6, seed=3)


def untrained(root: Path, name: str, tokenizer: Tokenizer, layers: int, corpus: str) -> Run:
    """A run of so many layers that says it was trained on a corpus of this hash."""
    config = ModelConfig(d_model=8, n_layers=layers, n_heads=2, d_vocab=tokenizer.d_vocab, n_ctx=32)
    run = Run(root / name)
    tokenizer.save(run.path / "tokenizer.json")
    hashes = {"train_hash": corpus, "tokenizer_hash": "t"}
    run.write_info(RunInfo(config=config, status="finished", corpus=hashes))
    run.save_checkpoint(initialise(config, 0), 5)
    return run


def test_each_model_writes_what_the_sampler_writes_at_each_temperature(
    checkpoint: Checkpoint,
) -> None:
    found = result_of(complete_side_by_side(["tiny"], "One day", SAMPLING, (0.0, 1.0)))
    (model,) = found.models
    for temperature, one in zip((0.0, 1.0), model.completions, strict=True):
        setting = replace(SAMPLING, temperature=temperature)
        assert one == complete(checkpoint, ["One day"], setting)[0]
    assert model.completions[0] != model.completions[1]


def test_a_models_loss_is_that_of_the_step_shown(runs: Path, tokenizer: Tokenizer) -> None:
    run = untrained(runs, "a", tokenizer, 1, "x")
    for step, loss in ((0, 6.0), (5, 4.0), (9, 2.0)):
        run.add_metric(Metric(step=step, tokens=1, seconds=1.0, train_loss=1.0, val_loss=loss))
    (model,) = result_of(complete_side_by_side(["a@5"], "One day", SAMPLING)).models
    assert (model.address, model.val_loss) == ("a@5", 4.0)


@pytest.mark.parametrize(
    ("addresses", "temperatures", "rule"),
    [
        ([], (0.0,), "at least one model"),
        (["tiny"], (), "at least one temperature"),
        (["tiny", "tiny"], (0.0,), "each model is given once"),
        (["tiny"], (1.0, 1.0), "each temperature is given once"),
        (["tiny"], (-1.0,), "temperature must lie between 0 and 100"),
    ],
)
def test_what_makes_no_comparison_is_refused_with_the_rule(
    addresses: list[str], temperatures: tuple[float, ...], rule: str, checkpoint: Checkpoint
) -> None:
    with pytest.raises(BadInput, match=rule):
        result_of(complete_side_by_side(addresses, "One day", SAMPLING, temperatures))


def test_models_of_one_corpus_are_spread_over_their_sizes_and_hold_the_one_asked_for(
    runs: Path, tokenizer: Tokenizer
) -> None:
    for layers in range(1, 10):
        untrained(runs, f"deep{layers}", tokenizer, layers, "same")
    untrained(runs, "stranger", tokenizer, 5, "another")
    assert spread("deep4", most=4) == ["deep1@5", "deep4@5", "deep6@5", "deep9@5"]
    assert spread("deep2", most=20) == [f"deep{layers}@5" for layers in range(1, 10)]
    assert spread("stranger", most=3)[1] == "stranger@5"  # none shares its corpus: any run


def test_the_command_prints_each_completion(
    checkpoint: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completions", "tiny", "--prompt=One day", "--max-tokens=6", "--seed=3"]) == 0
    printed = capsys.readouterr().out
    (model,) = result_of(complete_side_by_side(["tiny"], "One day", SAMPLING)).models
    for one in model.completions:
        assert f"[{one.stopped}]" in printed
    assert "at temperature 0: " in printed and "at temperature 1: " in printed
