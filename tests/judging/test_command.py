"""`slm grade`: what the command prints, also where it ends early."""

import json
from pathlib import Path

import pytest

from slm.cli import main
from slm.runs import Checkpoint
from tests.judging.server import JudgeServer


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
