"""A run goes on as it began, from any folder; what is asked for besides is taken or refused in a line."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from slm.cli import main
from slm.errors import BadInput
from slm.runs import Run, open_run
from slm.training import queue
from slm.training.job import resume, start
from slm.training.options import parse
from slm.training.spec import ResumeSpec
from tests.conftest import little_stories, write_corpus
from tests.training.test_job import spec


@pytest.fixture
def stopped(corpus: Path) -> Run:
    """A run that was stopped after its first step."""
    list(start(spec(corpus), stop=lambda: True))
    return open_run("r")


def refused(arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What `slm train --name r --resume` says of these arguments."""
    assert main(["train", "--name", "r", "--resume", *arguments.split()]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


@pytest.mark.parametrize(
    ("argument", "has"),
    [
        ("--tokens 1M", "--tokens 1000000 (it has 15360)"),
        ("--minutes 5", "--minutes 5.0 (it has 15360 tokens to read)"),
        ("--adam-lr 0.5", "--adam-lr 0.5 (it has 0.016)"),
        ("--muon-lr 0.5", "--muon-lr 0.5 (it has 0.015)"),
        ("--context 128", "--context 128 (it has 48)"),
        ("--vocab 1024", "--vocab 1024 (it has 512)"),
        ("--batch 64", "--batch 64 (it has 8)"),
        ("--seed 7", "--seed 7 (it has 0)"),
        ("--checkpoints 5", "--checkpoints 5 (it has 4)"),
        ("--shape 16x2x2", "--shape '16x2x2' (it has 16x1x2)"),
        ("--shape quick", "--shape 'quick' (it has 16x1x2)"),
        ("--recipe paper", "--recipe 'paper' (it has muon, linear)"),
        ("--from other@3", "--from 'other@3' (it has no parent)"),
    ],
)
def test_an_argument_that_differs_is_named_with_what_the_run_has(
    stopped: Run, argument: str, has: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (stopped.path / "run.json").read_bytes()
    assert f"leave out {has}; a new run" in refused(argument, capsys)
    assert (stopped.path / "run.json").read_bytes() == before
    with pytest.raises(BadInput, match="goes on as it began"):
        parse("r", ["--resume", *argument.split()])


def test_every_argument_that_differs_is_named_at_once(
    stopped: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused("--tokens 1M --adam-lr 0.5 --context 48 --batch 64", capsys)
    assert all(flag in said for flag in ("--tokens", "--adam-lr", "--batch"))
    assert "--context" not in said


def test_arguments_that_say_what_the_run_has_are_no_hindrance(
    stopped: Run, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same = "--shape 16x1x2 --tokens 15360 --context 48 --vocab 512 --batch 8 --seed 0 --recipe muon"
    how = [*same.split(), "--precision", "auto", "--device", "cpu", "--corpus", str(corpus)]
    assert main(["train", "--name", "r", "--resume", *how]) == 0
    assert stopped.status == "finished"


def test_of_a_finished_run_nothing_is_left_to_do(
    stopped: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    list(resume(ResumeSpec(name="r"), stop=lambda: False))
    before = {path: path.read_bytes() for path in stopped.path.rglob("*.json*")}
    capsys.readouterr()
    assert main(["train", "--name", "r", "--resume"]) == 0
    assert capsys.readouterr().out == "r: nothing left to do\n"
    assert main(["train", "--name", "r", "--resume", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "finished"
    assert {path: path.read_bytes() for path in before} == before
    assert "--tokens" in refused("--tokens 1M", capsys)


def test_a_run_goes_on_from_another_folder(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(corpus.parent)
    write_corpus(Path("valid.txt"), little_stories(20, seed=9))
    list(start(replace(spec(Path("corpus.txt")), valid="valid.txt"), stop=lambda: True))
    monkeypatch.chdir(elsewhere)
    kept = open_run("r").info.corpus
    assert (kept["train"], kept["valid"]) == (str(corpus), str(corpus.with_name("valid.txt")))
    list(resume(ResumeSpec(name="r"), stop=lambda: False))
    assert open_run("r").status == "finished"


def test_a_corpus_that_was_moved_is_looked_for_where_it_is_said_to_be(
    stopped: Run, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = tmp_path / "moved.txt"
    shutil.move(corpus, moved)
    assert "was moved since: say with --corpus where it is now" in refused("", capsys)
    other = write_corpus(tmp_path / "other.txt", little_stories(300, seed=5))
    assert f"the stories of {str(corpus)!r}, not of {str(other)!r}" in refused(
        f"--corpus {other}", capsys
    )
    assert stopped.status == "stopped"
    assert main(["train", "--name", "r", "--resume", "--corpus", str(moved)]) == 0
    assert open_run("r").info.corpus["train"] == str(moved)


def test_a_run_of_before_that_kept_no_whole_path_says_so(
    stopped: Run,
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stopped.update(corpus={**stopped.info.corpus, "train": "corpus.txt"})
    (elsewhere := tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(elsewhere)
    assert f"the folder that it began in, which is not {elsewhere}" in refused("", capsys)
    monkeypatch.chdir(corpus.parent)
    assert main(["train", "--name", "r", "--resume"]) == 0


def test_other_validation_stories_are_refused(
    stopped: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_corpus(tmp_path / "other.txt", little_stories(40, seed=5))
    assert f"not of {str(other)!r}" in refused(f"--valid {other}", capsys)


def test_what_waits_is_kept_so_that_it_means_the_same_in_every_folder(
    corpus: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(corpus.parent)
    both = f"{corpus}+{corpus}"
    for given, split, kept in (
        (["--corpus", "corpus.txt"], "corpus", str(corpus)),
        (["--corpus=corpus.txt:lines"], "corpus", f"{corpus}:lines"),
        (["--valid", "corpus.txt+corpus.txt"], "valid", both),
        (["--corpus", "nursery:20", "--tokens", "1k"], "corpus", "nursery:20"),
        (["--corpus", "tinystories"], "corpus", "tinystories"),
    ):
        assert getattr(parse("r", given), split) == kept
    with pytest.raises(BadInput, match="unrecognized arguments: --corp"):
        parse("r", ["--corp", "corpus.txt"])
    monkeypatch.setattr(queue, "start_worker", lambda: None)
    assert main(["queue", "add", "r", "--corpus", "corpus.txt"]) == 0
    assert queue.waiting()[0].spec == parse("r", ["--corpus", str(corpus)])


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("clip", "x", "clip must be a number, not 'x'"),
        ("batch", 0, "batch must be from 1 to 65,536, not 0"),
        ("optimizer", "sgd", "optimizer must be one of 'muon', 'adamw', not 'sgd'"),
    ],
)
@pytest.mark.parametrize("arguments", ["", "--seed 0"])
def test_a_damaged_recipe_is_said_with_its_file_rule_and_value(
    stopped: Run,
    field: str,
    value: object,
    why: str,
    arguments: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stopped.update(recipe={**stopped.info.recipe, field: value})
    assert f"the recipe in {stopped.path / 'run.json'}: {why}" in refused(arguments, capsys)


def test_a_recipe_of_a_later_version_goes_on_with_the_fields_that_are_known(
    stopped: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped.update(recipe={**stopped.info.recipe, "momentum": 0.9})
    assert "--seed 7 (it has 0)" in refused("--seed 7", capsys)
