"""Studies that are kept: read again unwritten, and counted for nothing once anything changed."""

import json
from pathlib import Path

import pytest
import torch

from slm.cli import main
from slm.following import kept
from slm.following.kept import kept_following, make_following, missing
from slm.following.study import FollowingSettings
from slm.model.config import ModelConfig
from slm.model.weights import initialise
from slm.progress import result_of
from slm.records import RunInfo
from slm.runs import Run, open_run
from slm.stories.tokenizer import Tokenizer

FEW = FollowingSettings(requests=20, pair_stories=20, max_tokens=2)


@pytest.fixture
def run(runs: Path, tokenizer: Tokenizer) -> Run:
    """A random model with room for requests, saved as `wide@0`."""
    config = ModelConfig(d_model=8, n_layers=1, n_heads=1, d_vocab=tokenizer.d_vocab, n_ctx=512)
    made = Run(runs / "wide")
    tokenizer.save(made.path / "tokenizer.json")
    corpus = {"train": "nursery-instruct:9:0", "without": ["Words", "Summary"]}
    made.write_info(RunInfo(config=config, status="finished", corpus=corpus))
    made.save_checkpoint(initialise(config, 0), 0)
    return made


def test_a_study_is_kept_and_holds_until_settings_weights_or_the_file_change(run: Run) -> None:
    made = result_of(make_following(["wide"], FEW))["wide@0"]
    assert kept_following(run, 0, FEW) == made
    assert list(make_following(["wide@0"], FEW)) == []  # no progress: nothing was written anew
    assert kept_following(run, 0) is None and missing(run) == [0]
    path = run.measured_path(kept.WHAT, 0)
    whole = path.read_text()
    path.write_text(whole[:-40])
    assert kept_following(run, 0, FEW) is None
    path.write_text(whole)
    assert kept_following(run, 0, FEW) == made
    with torch.no_grad():
        weights = initialise(run.info.config, 1)
    run.save_checkpoint(weights, 0)
    assert kept_following(open_run("wide"), 0, FEW) is None


def test_the_command_tells_each_measure_with_interval_and_chance(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["wide", "--requests", "20", "--pair-stories", "20", "--max-tokens", "2"]
    assert main(["following", *words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    (mine,) = told["following"]
    assert mine["address"] == "wide@0" and mine["layers"] == 1
    assert mine["without"] == ["Words", "Summary"]
    for measure in ("words", "features", "sentence", "summary"):
        assert mine[measure]["mean"] == pytest.approx(0, abs=0.05)
        assert {"interval", "chance", "requests"} <= mine[measure].keys()
    assert mine["out_of_distribution"]["verb"]["verdict"] == "not followed more than by chance"
    assert {one["feature"] for one in told["detectors"]} >= {"moral", "twist"}
    assert main(["following", *words]) == 0
    assert "not followed more than by chance" in capsys.readouterr().out


def test_too_few_requests_are_one_line(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["following", "wide", "--requests", "3"]) == 2
    assert "requests must be at least 20, not 3" in capsys.readouterr().err
