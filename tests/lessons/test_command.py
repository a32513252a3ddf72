"""`slm lessons` lists, checks and prints."""

import json
from pathlib import Path

import pytest

from slm.cli import main
from slm.runs import Checkpoint
from tests.lessons.conftest import LESSON


def test_lessons_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lessons", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "induction" in {one["name"] for one in told["lessons"]} and told["complaints"] == []


def test_claims_are_checked_on_a_model(
    checkpoint: Checkpoint, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    claim = "- claim: Common words are one token.\n  measure: common words are tokens\n"
    (folder / "mine.yaml").write_text(LESSON + claim, encoding="utf-8")
    assert main(["lessons", "check", "--lesson", "mine", "--run", "tiny@0", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["lessons"]
    (found,) = one["claims"]
    assert one["address"] == "tiny@0" and found["claim"] == "common words are tokens"
    assert found["verdict"] == ("holds" if found["found"]["holds"] else "does not hold")
    assert main(["lessons", "check", "--lesson", "mine"]) == 0
    assert f"tiny@0: {found['sentence']}" in capsys.readouterr().out


def test_a_bad_file_is_one_line_and_exit_code_2(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad.yaml").write_text("question: What?\n", encoding="utf-8")
    assert main(["lessons"]) == 2
    assert capsys.readouterr().err == f"slm: {folder / 'bad.yaml'} line 1: a lesson needs minutes\n"


def test_a_sheet_has_the_questions_without_the_answers(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = LESSON.replace("answer: park", "answer: <b>park").replace("[park,", "[<b>park,")
    (folder / "mine.yaml").write_text(told, encoding="utf-8")
    assert main(["lessons", "sheet", "--lesson", "mine"]) == 0
    page = capsys.readouterr().out
    assert "☐ &lt;b&gt;park" in page and "☐ moon" in page and "<b>park" not in page
    assert "It says this" not in page and "http" not in page
    assert main(["lessons", "sheet"]) == 2
