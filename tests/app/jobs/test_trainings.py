"""What pages ask of trainings: arguments for the command line, and last words."""

from pathlib import Path

import pytest

from app.jobs import trainings
from slm.cli import main
from slm.errors import BadInput
from slm.training import queue


def test_a_plan_is_what_the_command_line_takes() -> None:
    new = trainings.Plan(
        shape="16x1x2", vocabulary=512, corpus="nursery", minutes=1.5, adam_lr=0.004
    )
    assert " ".join(new.arguments()) == (
        "--corpus nursery --seed 0 --recipe muon --shape 16x1x2 --vocab 512 --minutes 1.5 --adam-lr 0.004"
    )
    branch = trainings.Plan(parent="a@5", corpus="nursery", tokens=1000, seed=3)
    assert " ".join(branch.arguments()) == (
        "--corpus nursery --seed 3 --recipe muon --from a@5 --tokens 1000"
    )


def test_a_branch_cannot_have_a_shape_of_its_own(
    capsys: pytest.CaptureFixture[str], runs: Path
) -> None:
    arguments = ["train", "--name", "b", "--from", "a", "--shape", "16x1x2", "--vocab", "512"]
    assert main(arguments) == 2
    assert "leave out --shape and --vocab" in capsys.readouterr().err


def test_a_bad_name_starts_nothing(runs: Path) -> None:
    with pytest.raises(BadInput, match="a run's name is"):
        queue.add("a/b", [])
    assert not runs.exists()
    assert trainings.last_lines("never") == "" and not trainings.failed("never")


@pytest.mark.parametrize(("code", "bad"), [(0, False), (-15, False), (1, True), (-9, True)])
def test_a_training_that_was_killed_ended_badly_and_one_that_was_stopped_did_not(
    code: int, bad: bool, runs: Path
) -> None:
    (runs / "r").mkdir(parents=True)
    (runs / "r" / "train.exit.json").write_text(f'{{"exit_code": {code}}}')
    assert trainings.failed("r") is bad
