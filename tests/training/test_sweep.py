"""A grid of shapes is trained once, goes on where it was, and fills a table of width and depth."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from slm.cli import main
from slm.errors import BadInput
from slm.model.config import PRESETS
from slm.runs import open_run
from slm.training import sweep
from slm.training.grid import grid_runs, normalised
from slm.training.spec import ResumeSpec
from slm.training.sweep import sweep_of

HOW = ["--vocab", "512", "--context", "48", "--batch", "8", "--tokens", "1k", "--checkpoints", "1"]


def test_two_shapes_are_trained_and_a_second_call_trains_nothing(
    corpus: Path, runs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = ["sweep", "--name", "g", "--shapes", "16x1x2,16x2x2", "--json"]
    assert main([*asked, "--", "--corpus", str(corpus), *HOW]) == 0
    found = json.loads(capfd.readouterr().out)["cells"]
    assert [(c["run"], c["width"], c["layers"]) for c in found] == [
        ("g-16x1x2", 16, 1),
        ("g-16x2x2", 16, 2),
    ]
    assert all(c["standing"] == "finished" and c["scores"]["loss"] > 0 for c in found)
    first, second = open_run("g-16x1x2"), open_run("g-16x2x2")
    assert first.tokenizer.hash == second.tokenizer.hash
    changed = first.checkpoint_path(3).stat().st_mtime_ns
    assert main(["sweep", "--name", "g", "--json"]) == 0
    assert first.checkpoint_path(3).stat().st_mtime_ns == changed


def test_a_sweep_trains_on_two_workers_of_a_ray_cluster(corpus: Path, runs: Path) -> None:
    pytest.importorskip("ray")
    grid = sweep_of("r", ["16x1x2", "32x1x2"], ["--corpus", str(corpus), *HOW])
    assert set(sweep.train_on_ray(grid, None)) == set(grid.runs)
    assert grid.remaining() == []
    assert [cell.width for cell in grid_runs(["r-16x1x2", "r-32x1x2"])] == [16, 32]


def test_a_preset_means_in_a_sweep_what_it_means_alone(corpus: Path, runs: Path) -> None:
    how = ["--corpus", str(corpus), "--tokens", "1", "--batch", "1", "--checkpoints", "1"]
    how += ["--recipe", "paper"]
    assert main(["sweep", "--name", "s", "--shapes", "paper-1M", "--", *how]) == 0
    assert main(["train", "--name", "t", "--shape", "paper-1M", *how]) == 0
    swept, alone = open_run("s-paper-1M").info, open_run("t").info
    assert swept.config == alone.config
    assert swept.recipe == alone.recipe
    kept = replace(PRESETS["paper-1M"], d_vocab=swept.config.d_vocab)
    assert swept.config == kept and not kept.attn_scale and kept.local_window == 256
    assert (swept.recipe["optimizer"], swept.recipe["schedule"]) == ("adamw", "constant")


def test_what_is_finished_stays_and_what_was_stopped_goes_on(runs: Path) -> None:
    grid = sweep_of("g", ["16x1x2", "16x2x2"], ["--corpus", "nursery"])
    assert grid.remaining() == list(grid.specs)
    (runs / "g-16x1x2").mkdir(parents=True)
    (runs / "g-16x1x2" / "run.json").write_text(
        json.dumps(
            {
                "config": {"d_model": 16, "n_layers": 1, "n_heads": 2, "d_vocab": 512},
                "status": "stopped",
            }
        )
    )
    assert grid.remaining() == [ResumeSpec(name="g-16x1x2"), grid.specs[1]]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--shapes", "64x2"], "a shape is d_model x n_layers x n_heads"),
        (["--shapes", "64x2x4,64x2x4"], "64x2x4 stands there twice"),
        (["--shapes", "64x2x5"], "n_heads must divide d_model"),
        (["--shapes", "64x2x4", "--", "--name", "x"], "--name is the sweep's own business"),
        (["--shapes", "64x2x4", "--", "--shape=8x1x1"], "--shape is the sweep's own business"),
        (["--shapes", "64x2x4", "--", "--tokens", "5", "--minutes", "5"], "not both"),
        (["--shapes", ""], "a sweep needs at least one shape"),
        (["--show", "--ray"], "leave out --ray"),
        ([], "there is no sweep 'g'; there are: none yet"),
    ],
)
def test_a_sweep_that_cannot_be_is_one_line_and_trains_nothing(
    arguments: list[str], complaint: str, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", "--name", "g", *arguments]) == 2
    assert complaint in capsys.readouterr().err
    assert not runs.exists()


def test_a_sweep_goes_on_with_what_it_began_with_and_nothing_else(
    runs: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    how = ("--corpus", str(corpus), "--tokens", "1k")
    sweep.keep(sweep_of("g", ["16x1x2"], how))
    assert main(["sweep", "--name", "g", "--show", "--", "--tokens", "2k"]) == 2
    assert "goes on as it began: leave out what follows --" in capsys.readouterr().err
    monkeypatch.chdir(corpus.parent)
    same = ["--corpus", corpus.name, "--tokens", "1k"]
    assert main(["sweep", "--name", "g", "--show", "--", *same]) == 0
    assert main(["sweep", "--name", "g", "--show", "--shapes", "16x1x2", "--", *same]) == 0


def test_a_sweep_of_before_there_were_specifications_is_read(runs: Path) -> None:
    (runs / ".sweeps").mkdir(parents=True)
    how = ["--tokens", "1k", "--vocab", "512"]
    old = {"name": "g", "shapes": ["16x1x2", "paper-1M"], "how": how}
    (runs / ".sweeps" / "g.json").write_text(json.dumps(old))
    assert sweep.load("g") == sweep_of("g", ["16x1x2", "paper-1M"], how)
    assert sweep.load("g").runs == ("g-16x1x2", "g-paper-1M")


def test_a_name_means_one_sweep(runs: Path) -> None:
    sweep.keep(sweep_of("g", ["16x1x2"], []))
    with pytest.raises(BadInput, match="choose another name"):
        sweep.keep(sweep_of("g", ["16x2x2"], []))
    assert sweep.names() == ["g"]


def test_shapes_come_cheapest_first_with_heads_of_one_width() -> None:
    assert sweep.shapes([64, 128], [1, 2], 16) == ("64x1x4", "64x2x4", "128x1x8", "128x2x8")


def test_cells_are_normalised_within_their_column() -> None:
    assert normalised([2.0, 4.0, 3.0]) == [0.0, 1.0, 0.5]
    assert normalised([5.0, 5.0]) == [0.0, 0.0]
