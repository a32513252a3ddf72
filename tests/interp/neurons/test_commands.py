"""`slm neurons show|tokens|find`: the page's numbers as JSON, one line for what cannot be answered."""

import json
from pathlib import Path

import pytest
import torch

from slm.cli import main
from slm.interp.neurons.build import build_index
from slm.interp.neurons.index import open_index
from slm.runs import Checkpoint


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    assert main(["neurons", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def indexed(checkpoint: Checkpoint, corpus: Path) -> Checkpoint:
    """The tiny model with its index."""
    for _ in build_index(checkpoint, str(corpus)):
        pass
    return checkpoint


def test_the_commands_say_what_the_index_holds(
    indexed: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    index = open_index(indexed)
    shown = answer(capsys, "show", "tiny", "--layer", "1", "--neuron", "3", "--k", "4")
    assert shown["fires"] == index.fires[1, 3] and len(shown["promotes"]) == 4
    assert list(shown["percentiles"].values()) == sorted(shown["percentiles"].values())
    text = ("--text", "Tom went to the park.", "--token-position", "3")
    here = answer(capsys, "find", "tiny", *text)["neurons"]
    assert [one["above"] for one in here] == sorted(one["above"] for one in here)
    rare = answer(capsys, "find", "tiny", "--rare", "--k", "3")["neurons"]
    assert rare[0]["fires"] == index.fires[index.fires > 0].min()
    assert answer(capsys, "find", "tiny", "--dead", "--threshold", "99")["neurons"] != []
    weak = answer(capsys, "top", "tiny", "--layer", "0", "--neuron", "0", "--weakest")
    assert weak["hook"] == shown["hook"] == "hook_pre"
    lowest = weak["examples"][0]
    assert lowest["value"] == pytest.approx(float(index.lowest[0, 0]), abs=1e-4)
    act = torch.nn.functional.gelu(torch.tensor(lowest["value"]), approximate="tanh")
    assert lowest["activation"] == pytest.approx(float(act), abs=1e-5)


def test_the_top_tokens_come_with_what_was_read(
    indexed: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ("tokens", "tiny", "--layer", "1", "--neuron", "3", "--stories", "9", "--k", "4")
    found, index = answer(capsys, *at), open_index(indexed)
    assert (found["stories"], found["tokens"]) == (9, int(index.starts[9]))
    assert found["hook"] == "hook_pre" and len(found["top_tokens"]) == 4
    assert all(one["count"] >= 2 and one["mean"] <= one["highest"] for one in found["top_tokens"])


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["find", "tiny"], "find neurons by one of"),
        (["find", "tiny", "--rare", "--token", "."], "find neurons by one of"),
        (["find", "tiny", "--text", "Tom."], "belong together"),
        (["find", "tiny", "--text", "Tom.", "--token-position", "99"], "a position lies between"),
        (["show", "tiny", "--layer", "0", "--neuron", "64"], "neuron must lie in 0 to 63"),
    ],
)
def test_a_question_that_cannot_be_answered_gets_one_line(
    indexed: Checkpoint, capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    assert main(["neurons", *arguments]) == 2
    error = capsys.readouterr().err
    assert line in error and error.count("\n") == 1
