"""`slm stories`: what the page shows, as text and as JSON."""

import json
from pathlib import Path

import pytest

from slm.cli import main


def test_a_search_counts_and_shows_places(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["stories", str(corpus), "--search", "they were happy", "--limit", "2", "--json"]) == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert found["count"] == 300 and len(found["places"]) == 2


def test_a_story_is_shown_with_its_tokens(
    corpus: Path, checkpoint: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stories", str(corpus), "--story", "3", "--tokens", "tiny", "--json"]) == 0
    told = capsys.readouterr().out
    assert "It was number 3." in json.loads(told)["text"] and "tiny@0" in told


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        (["--regex", "("], "is no regular expression"),
        (["--story", "9999"], "9,999"),
        (["--stories", "0"], "1 to"),
    ],
)
def test_bad_input_is_one_line(
    options: list[str], rule: str, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stories", str(corpus), *options]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert rule in said or rule.replace(",", "") in said
