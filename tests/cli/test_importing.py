"""`slm import` and the hub: the same answers as the page, one line where something is wrong."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slm.cli import main
from slm.runs import open_run
from tests.importing.hub_server import REPOSITORY, Hub, serving


def test_the_command_tells_what_it_found(save: Any, capsys: pytest.CaptureFixture[str]) -> None:
    folder, model = save("llama")
    assert main(["import", str(folder), "--name", "theirs", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["address"] == "theirs@0" and told["kind"] == "Llama (Hugging Face)"
    assert told["parameters"] == model.num_parameters()
    assert main(["runs"]) == 0
    assert "not measured yet  imported" in capsys.readouterr().out
    assert main(["sample", "theirs", "--prompt", "Tom", "--max-tokens", "4"]) == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["import", "./nowhere", "--name", "theirs"], "there is nothing at ./nowhere"),
        (["import", "~nosuchuser/x", "--name", "theirs"], "'~nosuchuser/x' is no path"),
        (["import", "no such model!", "--name", "theirs"], "no name of a model on the hub"),
        (["import", ".", "--name", "../theirs"], "a run's name is"),
        (["import", "x"], "required: --name"),
    ],
)
def test_bad_input_is_one_line_and_2(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert complaint in error and error.count("\n") == 1


@pytest.fixture
def hub(save: Any) -> Iterator[Hub]:
    """A hub on this machine with one model."""
    with serving(save("gpt_neo")[0]) as hub:
        yield hub


def ask(endpoint: str, home: Path, path: str, name: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: huggingface_hub reads its settings when it is imported."""
    settings = {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0"}
    return subprocess.run(
        [sys.executable, "-m", "slm", "import", path, "--name", name],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_a_name_is_fetched_from_the_hub_once_and_then_found(hub: Hub, tmp_path: Path) -> None:
    first = ask(hub.endpoint, tmp_path / "hub", "tiny-stories-1M", "by-name")
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("by-name: GPT-Neo (Hugging Face), 16x4x4")
    assert open_run("by-name").info.imported["source"] == REPOSITORY
    again = ask("http://127.0.0.1:9", tmp_path / "hub", REPOSITORY, "by-id")
    assert again.returncode == 0, again.stderr


def test_a_hub_out_of_reach_and_a_model_it_has_not_are_one_line(hub: Hub, tmp_path: Path) -> None:
    lost = ask("http://127.0.0.1:9", tmp_path / "hub", "someone/model", "theirs")
    assert (lost.returncode, lost.stdout) == (2, "")
    assert "lies on the Hugging Face hub, which is out of reach" in lost.stderr
    unknown = ask(hub.endpoint, tmp_path / "hub", "someone/model", "theirs")
    assert "there is no model 'someone/model' on the hub" in unknown.stderr
    assert [said.stderr.count("\n") for said in (lost, unknown)] == [1, 1]
