"""The public surface: few names, imported when asked for, whose examples hold on a bundled run."""

import doctest
import inspect
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import slm
import slm.api
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
