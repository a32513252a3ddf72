"""Scores are kept with their run, and count for nothing once a model of theirs changes."""

import json

import pytest

from slm.cli import main
from slm.model.weights import initialise
from slm.progress import result_of
from slm.runs import Checkpoint, load_checkpoint, open_run
from slm.scores import score as scoring
from slm.scores.kept import kept_scores, measured_scores
from tests.scores.conftest import BUNDLED


@pytest.fixture(autouse=True)
def few_openings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "openings", lambda: ("Tom had", "Sue saw a", "One day"))


def test_scores_are_measured_once_and_again_where_weights_changed(checkpoint: Checkpoint) -> None:
    assert kept_scores("tiny", "tiny") is None
    found = result_of(measured_scores(checkpoint, "tiny@0"))
    assert kept_scores("tiny", "tiny@0") == found
    assert list(measured_scores(load_checkpoint("tiny"), "tiny@0")) == []  # read, not measured
    open_run("tiny").save_checkpoint(initialise(checkpoint.config, 9), 0)
    assert kept_scores("tiny", "tiny@0") is None


def test_a_damaged_file_counts_as_none(checkpoint: Checkpoint) -> None:
    result_of(measured_scores(checkpoint, "tiny@0"))
    path = open_run("tiny").measured_path("scores", 0)
    path.write_text(path.read_text()[:50])
    assert kept_scores("tiny", "tiny@0") is None


def test_the_bundled_runs_ship_with_their_scores(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLM_RUNS", str(BUNDLED))
    for name in ("four-layer", "one-layer", "storyteller", "grid-32x1x2"):
        run = open_run(name)
        assert all(kept_scores(f"{name}@{step}") is not None for step in run.steps)
    assert main(["score", "four-layer", "grid-32x1x2", "--json", "--spoiled"]) == 0
    told = json.loads(capsys.readouterr().out)
    large, small = (told["models"][name]["scores"] for name in list(told["models"])[1:])
    assert large["grammar"]["interval"][1] < small["grammar"]["interval"][0]
    assert large["consistency"]["interval"][0] > small["consistency"]["interval"][1]
    assert large["grammar"]["unit"] == "findings per 100 words"
    assert {one["spoiling"] for one in told["checks"]["spoiled"]} >= {"names exchanged"}


def test_without_the_bundled_reference_the_largest_model_reads_and_is_named(
    checkpoint: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", "tiny"]) == 0
    told = capsys.readouterr().out
    assert "Consistency is read by tiny@0" in told and "judges itself" in told
