"""`slm grade`: what the command prints, also where it ends early."""

import io
import json
from pathlib import Path

import pytest

from slm.cli import main
from slm.runs import Checkpoint, Run
from tests.llm.server import JudgeServer, refuses


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-of-the-command")


@pytest.fixture
def openings(tmp_path: Path) -> Path:
    path = tmp_path / "openings.yaml"
    path.write_text("- One day a dog\n- Tom had a\n", encoding="utf-8")
    return path


def grade(server: JudgeServer, openings: Path, *more: str) -> int:
    where = ["--base-url", server.url, "--openings", str(openings)]
    return main(["grade", "tiny", "--json", "--samples", "2", "--judge", "gpt-4o", *where, *more])


def test_the_command_prints_every_grade_and_the_means(
    checkpoint: Checkpoint,
    server: JudgeServer,
    openings: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert grade(server, openings) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["graded"], printed["ungraded"], printed["stopped"]) == (4, 0, None)
    assert {item["item"]["opening"] for item in printed["items"]} == {"One day a dog", "Tom had a"}


def test_ended_by_the_cap_it_prints_what_was_graded_and_says_why_it_ended(
    checkpoint: Checkpoint,
    server: JudgeServer,
    openings: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert grade(server, openings, "--max-cost", "0.012") == 2
    captured = capsys.readouterr()
    printed = json.loads(captured.out)
    assert 0 < printed["graded"] < 4
    assert "cap of $0.012" in printed["stopped"]
    assert printed["stopped"] in captured.err


def test_why_stories_have_no_grade_stands_in_the_plain_output_with_the_way_to_ask_again(
    checkpoint: Checkpoint,
    server: JudgeServer,
    openings: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.script = lambda number, _: refuses(400, "flagged") if number == 0 else None
    where = ["--base-url", server.url, "--openings", str(openings), "--judge", "gpt-4o"]
    assert main(["grade", "tiny", "--samples", "2", "--at-once", "1", *where]) == 0
    printed = capsys.readouterr().out
    assert "3 graded, 1 ungraded" in printed
    assert "ungraded (1): " in printed and "refused this text (400): flagged" in printed
    assert "--again-ungraded" in printed


@pytest.mark.parametrize(
    ("text", "line"), [("just a text: [", "cannot be read"), ("a: b", "list of openings")]
)
def test_openings_that_are_none_are_refused_in_one_line(
    checkpoint: Checkpoint,
    server: JudgeServer,
    openings: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    line: str,
) -> None:
    openings.write_text(text, encoding="utf-8")
    assert grade(server, openings) == 2
    assert line in capsys.readouterr().err
    assert grade(server, openings.parent) == 2
    assert "no openings in" in capsys.readouterr().err
    assert server.paid == 0


def test_a_dry_run_tells_the_bill_and_asks_nobody(
    checkpoint: Checkpoint,
    server: JudgeServer,
    openings: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert grade(server, openings, "--dry-run", "--repeats", "3", "--check-judge") == 0
    bill = json.loads(capsys.readouterr().out)
    assert bill["calls"] == 2 * 3 * (4 + 24) and bill["already_graded"] == 0
    assert bill["cost"] > 0 and server.asked == []
    assert grade(server, openings) == 0
    capsys.readouterr()
    assert grade(server, openings, "--dry-run") == 0
    bill = json.loads(capsys.readouterr().out)
    assert (bill["calls"], bill["cost"], bill["already_graded"]) == (0, 0, 4)


def test_every_kept_checkpoint_stands_under_one_bill_and_is_graded_by_a_rubric_of_ones_own(
    checkpoint: Checkpoint,
    runs: Path,
    server: JudgeServer,
    openings: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Run(runs / "tiny").save_checkpoint(checkpoint.weights, 5)
    assert grade(server, openings, "--steps", "--dry-run") == 0
    bill = json.loads(capsys.readouterr().out)
    assert (bill["addresses"], bill["calls"]) == (["tiny@0", "tiny@5"], 16)
    rubric = tmp_path / "mine.yaml"
    rubric.write_text("name: mine\ndimensions:\n  plot: does it make sense\n")
    assert grade(server, openings, "--steps", "--rubric", str(rubric)) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [one["address"] for one in printed["checkpoints"]] == ["tiny@0", "tiny@5"]
    assert all(list(one["means"]) == ["plot"] for one in printed["checkpoints"])
    assert printed["rubric"].startswith("mine-") and len(printed["items"]) == 8
    assert main(["grades", "tiny", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["judges"]) == [f"gpt-4o ({printed['rubric']})"]
    assert grade(server, openings, "--steps", "--pairwise", "tiny@0") == 2
    assert "so 'tiny@0' names no step" in capsys.readouterr().err


def test_what_each_rule_read_and_how_many_stories_were_cut_off_stands_in_the_plain_output(
    checkpoint: Checkpoint,
    server: JudgeServer,
    openings: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.misbehave = ["", "prose"]
    where = ["--base-url", server.url, "--openings", str(openings), "--judge", "gpt-4o"]
    assert main(["grade", "tiny", "--samples", "2", "--at-once", "1", *where]) == 0
    printed = capsys.readouterr().out
    assert "4 graded, 0 ungraded, of 2 openings" in printed
    assert "replies read by rule: JSON 4" in printed
    assert "asked for once more, since it could not be read: 1" in printed
    assert "cut off at the context's end, which the judge was told: " in printed


def test_one_command_reads_pairs_and_tests_the_judge_and_another_tells_it_again(
    checkpoint: Checkpoint,
    runs: Path,
    server: JudgeServer,
    openings: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Run(runs / "tiny").save_checkpoint(checkpoint.weights, 5)
    assert grade(server, openings, "--pairwise", "tiny@0", "--check-judge") == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["pairwise_comparison"]["pairs"], printed["pairwise_comparison"]["unread"]) == (
        4,
        0,
    )
    assert (
        printed["judge_passes"] in ("yes", "no", "not tested") and len(printed["judge_checks"]) == 2
    )
    assert printed["means"] == {}
    bought = server.paid
    assert main(["grades", "tiny", "--against", "tiny@0", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)["judges"]["gpt-4o"]
    assert again["pairwise_comparison"] == printed["pairwise_comparison"]
    assert again["judge_checks"] == printed["judge_checks"]
    assert server.paid == bought
    assert grade(server, openings, "--pairwise", "tiny") == 2
    assert "between two checkpoints" in capsys.readouterr().err


def test_a_person_judges_in_a_terminal_and_goes_on_where_they_stopped(
    checkpoint: Checkpoint,
    server: JudgeServer,
    openings: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("7 5 8 6 C\nseven\n7 5 8 6 C\n\n"))
    assert grade(server, openings, "--judge", "person:amy") == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"judge": "person:amy", "read": 2, "left": 2}
    assert "tiny" not in captured.err and "type 4 grades" in captured.err
    assert main(["grades", "tiny", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["judges"]["person:amy"]
    assert (found["graded"], found["means"]["grammar"]["mean"], found["spent"]) == (2, 7, 0)
    assert server.asked == []


def test_prices_are_told_and_set(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prices", "mine"]) == 2
    assert "price of 'mine' is unknown" in capsys.readouterr().err
    assert main(["prices", "mine", "0.5", "2", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["prices"] == {"mine": {"input": 0.5, "output": 2.0}}
    assert printed["file"] == str(runs / "prices.toml")
    assert main(["prices", "mine", "0.5"]) == 2
