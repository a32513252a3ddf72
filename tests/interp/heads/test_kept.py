"""An atlas is kept with its run as it was measured, and only for the weights it was measured of."""

from pathlib import Path

import numpy as np
import pytest

from slm.interp.heads import kept
from slm.interp.heads.atlas import HeadAtlas
from slm.interp.heads.rows import STORIES
from slm.model.config import ModelConfig
from slm.model.weights import initialise
from slm.progress import result_of
from slm.runs import Run, RunInfo, load_checkpoint
from tests.interp.nursery_models import nursery_tokenizer


@pytest.fixture
def run(runs: Path) -> Run:
    tokenizer = nursery_tokenizer()
    config = ModelConfig(d_model=16, n_layers=1, n_heads=2, d_vocab=tokenizer.d_vocab, n_ctx=64)
    run = Run(runs / "small")
    tokenizer.save(run.path / "tokenizer.json")
    run.write_info(RunInfo(config=config, status="finished"))
    run.save_checkpoint(initialise(config, 1), 0)
    return run


def measured(stories: int = STORIES) -> HeadAtlas:
    return result_of(kept.measured_atlas(load_checkpoint("small"), stories=stories), lambda _: None)


def test_what_is_kept_is_what_was_measured_to_four_digits(run: Run) -> None:
    first = measured()
    again = kept.kept_atlas(load_checkpoint("small"))
    assert again is not None
    assert again.scores.kinds == first.scores.kinds and again.scores.rows == first.scores.rows
    assert (again.confirmed() == first.confirmed()).all()
    assert (again.scores.distance == first.scores.distance).all()
    for one, other in (
        (again.scores.score.low, first.scores.score.low),
        (again.scores.difference.mean, first.scores.difference.mean),
        (again.ablation_off_target.high, first.ablation_off_target.high),
        (again.effect.mean, first.effect.mean),
        (again.scores.profile, first.scores.profile),
    ):
        np.testing.assert_allclose(one, other, atol=6e-5, equal_nan=True)
    assert kept.measured_scores(load_checkpoint("small"), "nursery", STORIES).profile.tolist() == (
        again.scores.profile.tolist()
    )


def test_an_atlas_of_other_weights_or_a_damaged_file_counts_for_nothing(run: Run) -> None:
    measured()
    path = kept.atlas_path(run, 0)
    whole = path.read_bytes()
    for damaged in (b"", whole[:100], b"x" + whole[1:]):
        path.write_bytes(damaged)
        assert kept.kept_atlas(load_checkpoint("small")) is None
    path.write_bytes(whole)
    assert kept.kept_atlas(load_checkpoint("small")) is not None
    run.save_checkpoint(initialise(run.config, 2), 0)
    assert kept.kept_atlas(load_checkpoint("small")) is None


def test_an_atlas_of_another_number_of_stories_is_not_kept(run: Run) -> None:
    assert measured(16).scores.rows[0] == 16
    assert not kept.atlas_path(run, 0).exists()


@pytest.mark.parametrize("name", ["four-layer", "one-layer", "storyteller", "nursery-20000"])
def test_the_bundled_runs_keep_theirs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLM_RUNS", str(Path(__file__).resolve().parents[3] / "runs"))
    atlas = kept.kept_atlas(load_checkpoint(name))
    assert atlas is not None and atlas.confirmed().any()
