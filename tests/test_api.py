"""The public surface: few names, imported when asked for, whose examples hold on a bundled run."""

import doctest
import inspect
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import slm
import slm.api
from slm.cli import main
from slm.training.job import TrainingUpdate
from tests.importing.formats.test_llama2c import write_model
from tests.importing.tokenizers.test_llama2c_bin import write_tokenizer

BUNDLED = Path(__file__).parents[1] / "runs" / "one-layer"


@pytest.fixture
def one_layer(runs: Path) -> None:
    """The bundled run, where what is built beside it does no harm."""
    shutil.copytree(BUNDLED, runs / "one-layer")


@pytest.mark.usefixtures("one_layer")
@pytest.mark.parametrize("module", [slm, slm.api])
def test_every_example_holds(module: object) -> None:
    found = doctest.testmod(module, extraglobs={"slm": slm})  # type: ignore[arg-type]
    assert found.attempted > 0 and found.failed == 0


def test_every_name_is_documented_with_an_example() -> None:
    assert slm.__all__ == slm.api.__all__
    ours = [getattr(slm, name) for name in slm.__all__ if name not in ("BadInput", "Run")]
    ours += [value for name, value in vars(slm.Model).items() if not name.startswith("_")]
    for one in ours:
        text = inspect.getdoc(one) or ""
        assert one in (slm.Model, slm.list_runs) or ">>> " in text, one


def test_importing_the_package_imports_no_torch() -> None:
    code = "import sys, slm; print('torch' in sys.modules, 'Model' in dir(slm)); slm.nothing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["False", "True"]
    assert "module 'slm' has no attribute 'nothing'" in done.stderr


@pytest.mark.usefixtures("one_layer")
def test_a_run_says_its_steps_and_which_runs_there_are() -> None:
    (run,) = slm.list_runs()
    assert slm.open("one-layer").steps == run.steps
    with pytest.raises(slm.BadInput, match="there is no run 'none'; there are: one-layer"):
        slm.open("none")


def test_a_model_that_is_no_run_is_looked_into_and_nothing_is_written(
    runs: Path, tmp_path: Path
) -> None:
    tokens = write_tokenizer(tmp_path / "tokenizer.bin")
    write_model(tmp_path / "stories.bin", len(tokens), shared=True)
    model = slm.load_model(tmp_path / "stories.bin")
    assert model.attention("Tom ran.").pattern.shape[:2] == (2, 6)
    assert model.steps == [] and not runs.exists()
    with pytest.raises(slm.BadInput, match="a run's name is"):
        model.neurons()


SMALL: dict[str, Any] = {"shape": "16x1x2", "tokens": 10 * 8 * 256, "batch": 8}


def test_training_gives_the_model_that_the_command_would(corpus: Path) -> None:
    seen: list[int] = []
    model = slm.train(corpus, name="ours", **SMALL, progress=lambda now: seen.append(now.step))
    assert seen == list(range(1, 11)) and model.steps[-1] == 10
    options = ["--shape", "16x1x2", "--tokens", str(SMALL["tokens"]), "--batch", "8"]
    assert main(["train", "--name", "theirs", "--corpus", str(corpus), *options]) == 0
    theirs = slm.open("theirs")
    assert model.checkpoint.weights.W_E.equal(theirs.checkpoint.weights.W_E)
    ours, other = (slm.api.open_run(name).info.command for name in ("ours", "theirs"))
    assert ours.replace("ours", "theirs") == other


@pytest.mark.parametrize(
    "wrong, why",
    [
        ({"tokens": 0}, "tokens must be from 1 to"),
        ({"batch": "many"}, "recipe.batch must be a whole number, not 'many'"),
        ({"tokenz": 4}, "a recipe has tokens, .*, no 'tokenz'"),
        ({"shape": "7"}, "a shape is d_model x n_layers x n_heads, .*, not '7'"),
        ({"recipe": "3"}, "a recipe is muon or paper, not '3'"),
        ({"device": "tpu"}, "a device is auto, cpu, cuda or mps, not 'tpu'"),
        ({"name": "a b"}, "a run's name is .* not 'a b'"),
        ({"minutes": -3.0}, "minutes must be above 0"),
        ({"start_from": "none"}, "there is no run 'none'"),
        ({"shape": "16x1x2", "start_from": "none"}, "leave out its own"),
        ({"corpus": "no.txt"}, "there is no file"),
    ],
)
def test_what_trains_nothing_is_refused_in_one_line(
    runs: Path, wrong: dict[str, object], why: str
) -> None:
    with pytest.raises(slm.BadInput, match=why) as caught:
        slm.train(**{"name": "r", **wrong})  # type: ignore[arg-type]
    assert "\n" not in str(caught.value) and not (runs / "r" / "run.json").exists()


def test_an_interrupt_keeps_a_checkpoint_that_resume_goes_on_from(corpus: Path) -> None:
    def interrupt(now: TrainingUpdate) -> None:
        if now.step == 3:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        slm.train(corpus, name="r", **SMALL, progress=interrupt)
    run = slm.api.open_run("r")
    assert (run.status, run.last_step) == ("stopped", 4)
    with pytest.raises(slm.BadInput, match="there is a run 'r' already"):
        slm.train(corpus, name="r", **SMALL)
    whole = slm.train(corpus, name="whole", **SMALL)
    model = slm.resume("r")
    assert run.status == "finished" and model.steps[-1] == 10
    assert model.checkpoint.weights.W_E.equal(whole.checkpoint.weights.W_E)
    assert signal.getsignal(signal.SIGINT) is before


def test_training_goes_on_from_another_models_weights(corpus: Path) -> None:
    first = slm.train(corpus, name="first", **SMALL)
    second = slm.train(corpus, name="second", start_from=first, tokens=8 * 256, batch=8)
    assert slm.api.open_run("second").info.parent == "first@10"
    assert second.at(0).checkpoint.weights.W_E.equal(first.checkpoint.weights.W_E)
