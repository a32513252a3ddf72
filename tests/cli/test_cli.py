"""The command line: one JSON object out, one clear line and exit code 2 for bad input."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from slm.cli import main, parser
from slm.cli.command import InGlossary
from slm.glossary import lookup
from slm.runs import Checkpoint, open_run
from tests.conftest import little_stories, write_corpus


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> object:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_runs_tells_what_there_is(
    checkpoint: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    (run,) = answer(capsys, "runs")
    assert run.keys() >= {
        "name",
        "shape",
        "parameters",
        "steps",
        "last_step",
        "val_loss",
        "val_bits_per_byte",
        "corpus",
    }
    assert (run["name"], run["shape"], run["steps"], run["val_loss"]) == (
        "tiny",
        "16x2x2",
        [0],
        None,
    )


def test_eval_measures_a_corpus(
    checkpoint: Checkpoint, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(capsys, "eval", "tiny", "--corpus", str(corpus))
    assert (found["address"], found["stories"]) == ("tiny@0", 300)
    assert found["bits_per_byte"] == pytest.approx(
        found["loss"] * found["tokens"] / found["bytes"] / 0.693147, rel=1e-4
    )


def test_sample_writes_the_same_for_the_same_seed(
    checkpoint: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["sample", "tiny", "--prompt", "Tom", "-n", "3", "--max-tokens", "5"]
    first = answer(capsys, *arguments)
    assert first == answer(capsys, *arguments)
    assert len(first["completions"]) == 3
    assert first["completions"][0].keys() == {"text", "tokens", "stopped"}


def test_attention_and_neurons_answer(
    checkpoint: Checkpoint, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pattern = answer(capsys, "attention", "tiny", "--text", "Tom ran.")
    assert len(pattern["pattern"]) == 2
    assert len(pattern["pattern"][0][0]) == len(pattern["str_tokens"])
    built = answer(capsys, "neurons", "build", "tiny", "--corpus", str(corpus))
    assert built["stories"] == 300
    top = answer(capsys, "neurons", "top", "tiny", "--layer", "1", "--neuron", "3", "--k", "4")
    activations = [example["activation"] for example in top["examples"]]
    assert activations == sorted(activations, reverse=True) and len(activations) == 4
    assert answer(capsys, "neurons", "find", "tiny", "--token", ".")["token"] == "."


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["eval", "none", "--corpus", "x.txt"], "there is no run 'none'"),
        (["eval", "tiny@5", "--corpus", "x.txt"], "has no step 5"),
        (["eval", "tiny", "--corpus", "x.txt"], "there is no file 'x.txt'"),
        (["eval", "a/b", "--corpus", "x.txt"], "a run's name is"),
        (["sample", "tiny", "--temperature", "-1"], "temperature must lie"),
        (["sample", "tiny", "-n", "0"], "-n must be at least 1"),
        (["sample", "tiny", "--top-k", "many"], "invalid int value: 'many'"),
        (["train", "--name", "../x", "--tokens", "1k"], "a run's name is"),
        (["train", "--name", "x", "--corpus", "x.txt"], "/x.txt'"),
        (["train", "--name", "x", "--shape", "64x2x5"], "5 heads do not divide 64"),
        (["train", "--name", "x", "--tokens", "lots"], "a count is a number"),
        (["train", "--name", "x", "--tokens", "1M", "--minutes", "1"], "not both"),
        (["neurons", "top", "tiny", "--layer", "0", "--neuron", "0"], "no neuron index"),
        (["heads", "tiny", "--stories", "0"], "at least one story, not 0"),
        (["dance"], "invalid choice: 'dance'"),
        ([], "required"),
    ],
)
def test_bad_input_gets_one_line_and_exit_code_2(
    checkpoint: Checkpoint,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    line: str,
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert line in captured.err
    assert captured.err.count("\n") == 1


def test_heads_tells_every_head_with_its_proof(
    checkpoint: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(capsys, "heads", "tiny", "--stories", "16")
    assert [(head["layer"], head["head"]) for head in found["heads"]] == [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
    ]
    kind = found["heads"][0]["kinds"]["previous token"]
    assert kind["score"][1] <= kind["score"][0] <= kind["score"][2]
    assert main(["heads", "tiny", "--all", "--stories", "16"]) == 0
    assert "0.1    unclassified" in capsys.readouterr().out


def test_train_says_what_cleaning_dropped_and_the_run_remembers(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stories = [*little_stories(60), "Tom went to", "Tom went to the", ""]
    corpus = write_corpus(tmp_path / "c.txt", stories)
    shape = ["--shape", "8x1x1", "--vocab", "512", "--context", "16", "--batch", "4"]
    asked = ["--corpus", str(corpus), *shape, "--tokens", "64"]
    assert main(["train", "--name", "said", *asked]) == 0
    assert "2 cut off (“Tom went to”)" in capsys.readouterr().err
    cleaning = open_run("said").info.corpus["cleaning"]
    assert (cleaning["truncated"], cleaning["examples"]["truncated"]) == (2, "Tom went to")


def test_train_stops_and_asks_where_most_of_a_corpus_would_be_dropped(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stories = [story.rstrip('."!?') for story in little_stories(60)]
    corpus = write_corpus(tmp_path / "c.txt", stories)
    shape = ["--shape", "8x1x1", "--vocab", "512", "--context", "16", "--batch", "4"]
    asked = [*shape, "--tokens", "64"]
    assert main(["train", "--name", "a", "--corpus", str(corpus), *asked]) == 2
    assert ":keep-truncated" in capsys.readouterr().err
    assert not (runs / "a").exists()
    assert main(["train", "--name", "a", "--corpus", f"{corpus}:keep-truncated", *asked]) == 0
    assert open_run("a").info.corpus["train"] == f"{corpus}:keep-truncated"
    assert main(["eval", "a", "--corpus", f"{corpus}:keep-truncated"]) == 0
    assert "60 of 60 stories kept" in capsys.readouterr().err


def options() -> Iterator[tuple[str, argparse.Action]]:
    """Every option of every command, with the command's help."""
    waiting: list[argparse.ArgumentParser] = [parser()]
    for one in waiting:
        for action in one._actions:
            if isinstance(action, argparse._SubParsersAction):
                waiting.extend(action.choices.values())
            elif not isinstance(action, argparse._HelpAction):
                yield " ".join(one.format_help().split()), action


def test_every_option_is_explained_and_its_default_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "2000")  # no word is cut at the end of a line
    found = list(options())
    assert len(found) > 150
    for told, action in found:
        assert action.help, (told, action.dest)
        help_text = action.help
        if isinstance(help_text, InGlossary):
            help_text = lookup(help_text).means.removesuffix(".")
        assert " ".join(help_text.split()) in told
        if isinstance(action.default, bool | list) or action.default in (None, ""):
            continue
        assert "default" in help_text or f"{help_text} (default: {action.default})" in told
