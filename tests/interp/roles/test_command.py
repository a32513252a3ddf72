"""`slm roles`: what the commands print."""

import json
from pathlib import Path

import pytest

from slm.cli import main
from slm.runs import Checkpoint, Run, RunInfo
from slm.stories.annotation.labelled import ROLES, with_roles
from slm.stories.annotation.word_classes import CLASSES
from tests.interp.nursery_models import fire_on, random_model


def saved(model: Checkpoint, runs: Path) -> None:
    """Save a model as `tiny@0`."""
    run = Run(runs / "tiny")
    model.tokenizer.save(run.path / "tokenizer.json")
    run.write_info(RunInfo(config=model.config, status="finished"))
    run.save_checkpoint(model.weights, 0)


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_roles_tells_the_share_of_each_layer_and_the_best_neurons_of_each_label(
    checkpoint: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(capsys, "roles", "tiny", "--stories", "8", "--best", "2")
    assert found["corpus"] == "nursery"
    shares = ("share", "shuffled_share", "dealt_share", "random_directions_share")
    for kind in (found["excited"], found["inhibited"]):
        assert (kind["address"], kind["stories"], kind["ranked"]) == ("tiny@0", 8, "hook_pre")
        assert len(kind["layers"]) == 2
        for one in kind["layers"]:
            assert all(0 <= one[share]["low"] <= one[share]["mean"] <= 1 for share in shares)
            ahead = one["share"]["mean"] - one["random_directions_share"]["mean"]
            assert one["above_random_directions"]["mean"] == pytest.approx(ahead)
    assert "random directions" in found["excited"]["beside_random_directions"]
    by_label = {one["label"]: one for one in found["excited"]["labels"]}
    assert tuple(by_label) == ROLES
    best = by_label["function word"]["best"]
    assert len(best) == 2 and best[0]["low"] < best[0]["auc"] < best[0]["high"]
    assert main(["roles", "tiny", "--stories", "8"]) == 0
    printed = capsys.readouterr().out
    assert "layer 1:" in printed and "random directions: " in printed
    assert "inhibited by words of a role" in printed


def test_each_confirmed_neuron_says_how_often_it_fires_on_its_role_and_elsewhere(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = random_model()
    stories = with_roles(model.tokenizer, 20)
    adjective = ROLES.index("adjective")
    tokens = {
        story.tokens[at]
        for story in stories
        for at, labels in zip(story.places, story.labels, strict=True)
        if labels[adjective]
    }
    saved(fire_on(model, tokens, neuron=7), runs)
    found = answer(capsys, "roles", "tiny", "--stories", "40")
    excited, inhibited = found["excited"], found["inhibited"]
    assert excited["confirmed"]
    for one in excited["confirmed"]:
        assert one["fires_on_role"] > one["fires_elsewhere"] >= 0
    for one in inhibited["confirmed"]:
        assert one["fires_on_role"] < one["fires_elsewhere"]
    built = next(one for one in excited["confirmed"] if (one["layer"], one["neuron"]) == (0, 7))
    assert built["label"] == "adjective" and built["fires_on_role"] > 0.8
    there = sum(one["layer"] == 0 for one in excited["confirmed"])
    assert excited["layers"][0]["share"]["mean"] == there / 64


def test_any_other_corpus_is_read_by_word_classes(
    checkpoint: Checkpoint, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(capsys, "roles", "tiny", "--stories", "30", "--corpus", str(corpus))
    assert tuple(one["label"] for one in found["excited"]["labels"]) == CLASSES
    assert found["excited"]["stories"] == 30


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
    assert best["fires"].keys() == best["means"].keys()
    assert best["fires_more"].keys() == best["contrasts"].keys()
    assert best["means"].keys() >= {"later mention", "any other word"}
    one = ["--layer", "1", "--neuron", "3", "--stories", "20"]
    assert main(["protagonist", "tiny", *one]) == 0
    assert "layer 1 neuron 3: " in capsys.readouterr().out
    assert main(["protagonist", "tiny", "--layer", "1"]) == 2
    assert "given together" in capsys.readouterr().err
