"""`slm roles`: what the commands print."""

import json
from pathlib import Path

import pytest

from slm.cli import main
from slm.runs import Checkpoint
from slm.stories.labelled import ROLES
from slm.stories.word_classes import CLASSES


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_roles_tells_the_share_of_each_layer_and_the_best_neurons_of_each_label(
    checkpoint: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(capsys, "roles", "tiny", "--stories", "8", "--best", "2")
    assert (found["address"], found["corpus"], found["stories"]) == ("tiny@0", "nursery", 8)
    assert [layer["layer"] for layer in found["layers"]] == [0, 1]
    assert all(0 <= layer["confirmed_share"] <= 1 for layer in found["layers"])
    by_label = {one["label"]: one for one in found["labels"]}
    assert tuple(by_label) == ROLES
    best = by_label["function word"]["best"]
    assert len(best) == 2 and best[0]["low"] < best[0]["auc"] < best[0]["high"]
    assert main(["roles", "tiny", "--stories", "8"]) == 0
    assert "layer 1:" in capsys.readouterr().out


def test_any_other_corpus_is_read_by_word_classes(
    checkpoint: Checkpoint, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(capsys, "roles", "tiny", "--stories", "30", "--corpus", str(corpus))
    assert tuple(one["label"] for one in found["labels"]) == CLASSES
    assert found["stories"] == 30


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (["--stories", "0"], "--stories must be at least 1"),
        (["--stories", "3"], "at least 4 stories"),
        (["--corpus", "no.txt"], "there is no file 'no.txt'"),
    ],
)
def test_bad_input_is_one_line(
    checkpoint: Checkpoint, capsys: pytest.CaptureFixture[str], more: list[str], line: str
) -> None:
    assert main(["roles", "tiny", *more]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and line in captured.err.splitlines()[-1]


def test_protagonist_tells_the_verdict_and_the_numbers_behind_it(
    checkpoint: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(capsys, "protagonist", "tiny", "--stories", "20")
    assert (found["address"], found["stories"], len(found["trials"])) == ("tiny@0", 20, 5)
    best = found["trials"][0]
    assert best["verdict"] and best["why"]
    assert {one["name"] for one in best["means"]} >= {"later mention", "any other word"}
    one = ["--layer", "1", "--neuron", "3", "--stories", "20"]
    assert main(["protagonist", "tiny", *one]) == 0
    assert "layer 1 neuron 3: " in capsys.readouterr().out
    assert main(["protagonist", "tiny", "--layer", "1"]) == 2
    assert "given together" in capsys.readouterr().err
