"""Runs on disk: addresses, names that cannot leave the folder, one trainer at a time."""

import subprocess
import sys
from pathlib import Path

import pytest

from slm.errors import BadInput
from slm.runs import Address, Checkpoint, Metric, Run, list_runs, load_checkpoint, open_run


def test_an_address_reads_as_it_is_written() -> None:
    assert Address.parse("one-layer@2000") == Address("one-layer", 2000)
    assert str(Address.parse("one-layer@2000")) == "one-layer@2000"
    assert str(Address.parse("one-layer")) == "one-layer"


@pytest.mark.parametrize(
    "text", ["", "../x", "a/b", "a\\b", ".hidden", "a b", "a@", "a@x", "a@-1", "x" * 65, "a\n"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        Address.parse(text)


def test_a_checkpoint_loads_as_it_was_saved(checkpoint: Checkpoint) -> None:
    loaded = load_checkpoint("tiny")
    assert loaded.address == Address("tiny", 0)
    for (name, leaf), (_, again) in zip(
        checkpoint.weights.named_parameters(), loaded.weights.named_parameters(), strict=True
    ):
        assert leaf.equal(again), name


def test_unknown_runs_and_steps_name_those_there_are(checkpoint: Checkpoint) -> None:
    with pytest.raises(BadInput, match="there is no run 'none'; there are: tiny"):
        open_run("none")
    with pytest.raises(BadInput, match="has no step 7; it has 0"):
        load_checkpoint("tiny@7")


def test_a_broken_checkpoint_and_a_broken_run_json_get_one_line(
    checkpoint: Checkpoint, runs: Path
) -> None:
    Run(runs / "tiny").checkpoint_path(0).write_bytes(b"broken")
    with pytest.raises(BadInput, match="not a whole safetensors file"):
        load_checkpoint("tiny")
    (runs / "tiny" / "run.json").write_text("{")
    with pytest.raises(BadInput, match="is not JSON"):
        load_checkpoint("tiny")


def test_no_runs_is_an_empty_list(runs: Path) -> None:
    assert list_runs() == []


def test_a_half_written_last_line_is_left_out(runs: Path) -> None:
    run = Run(runs / "r")
    run.path.mkdir(parents=True)
    run.add_metric(Metric(step=1, tokens=10, seconds=0.5, train_loss=2.0))
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "tok')
    assert [metric.step for metric in run.metrics()] == [1]


def test_rewinding_forgets_what_came_after(runs: Path) -> None:
    run = Run(runs / "r")
    run.path.mkdir(parents=True)
    for step in (1, 2, 3):
        run.add_metric(Metric(step=step, tokens=step, seconds=0.5, train_loss=2.0))
    run.rewind(2)
    assert [metric.step for metric in run.metrics()] == [1, 2]


def test_a_run_is_held_by_one_process_and_freed_when_it_dies(
    checkpoint: Checkpoint, runs: Path
) -> None:
    run = Run(runs / "tiny")
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from slm.runs import Run\n"
            f"with Run(Path({str(run.path)!r})).held():\n"
            "    print('held', flush=True); time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    assert run.is_held()
    with pytest.raises(BadInput, match="is being trained by another process"), run.held():
        pass
    holder.kill()
    holder.wait()
    assert not run.is_held()


def test_a_run_said_to_be_training_that_nobody_holds_is_interrupted(
    checkpoint: Checkpoint, runs: Path
) -> None:
    run = Run(runs / "tiny")
    run.update(status="training")
    assert run.status == "interrupted"
    with run.held():
        assert run.status == "training"
