"""The report is one small file that reads the same offline, and no story can write into it."""

import html
import json
import re
from pathlib import Path

import pytest

from app.theme import DARK, LIGHT
from slm.cli import main
from slm.comparing.comparison import Comparison, compare
from slm.comparing.reading import ComparedStories, read
from slm.comparing.report import report
from slm.comparing.report.drawing import chart, ticks
from slm.progress import result_of
from slm.runs import Checkpoint, Run, RunInfo
from slm.text import visible
from tests.conftest import little_stories, write_corpus

HOSTILE = '<script>alert(1)</script> said "&amp;" <img src=x onerror=alert(2)> \u202e}}.'


def compared(a: Checkpoint, b: Checkpoint, texts: list[str]) -> Comparison:
    """A comparison of two models on some texts."""
    return result_of(
        compare(a, b, ComparedStories(corpus=HOSTILE, fingerprint="f", texts=tuple(texts)))
    )


@pytest.fixture
def saved_other(other: Checkpoint, runs: Path) -> Checkpoint:
    """The other model, as a run on disk."""
    run = Run(runs / "other")
    other.tokenizer.save(run.path / "tokenizer.json")
    run.write_info(RunInfo(config=other.config, status="finished"))
    run.save_checkpoint(other.weights, 0)
    return other


def test_no_text_of_a_story_becomes_markup(checkpoint: Checkpoint, saved_other: Checkpoint) -> None:
    page = report(compared(checkpoint, saved_other, [HOSTILE, *little_stories(3)]))
    assert page.count("<script") == 1 and "<img" not in page
    read = html.unescape(re.sub(r"<[^>]*>", "", page))
    assert visible(HOSTILE) in read  # all of it, as text: its story and where it came from


def test_it_is_one_file_that_asks_the_network_for_nothing(
    checkpoint: Checkpoint, saved_other: Checkpoint
) -> None:
    page = report(compared(checkpoint, saved_other, little_stories(4)))
    assert "http:" not in page and "https:" not in page and "@import" not in page
    assert all(
        url.startswith("url(data:image/png;base64,") for url in re.findall(r"url\([^)]*", page)
    )
    assert "default-src 'none'" in page and len(page) < 300_000
    for palette, place in ((LIGHT, 0), (DARK, 1)):
        for name in ("plus", "minus", "other", "text"):
            found = re.search(rf"--{name}: light-dark\((#\w+), (#\w+)\)", page)
            assert found and found.groups()[place] == getattr(palette, name)


def test_it_tells_how_it_was_made(checkpoint: Checkpoint, saved_other: Checkpoint) -> None:
    found = compared(checkpoint, saved_other, little_stories(4))
    page = report(found)
    for fact in (
        "tiny@0",
        "other@0",
        checkpoint.tokenizer.hash,
        saved_other.tokenizer.hash,
        "torch",
    ):
        assert fact in page
    assert "Weights can be compared only between models of one shape" in page


def test_ticks_are_round_and_a_flat_curve_is_drawn() -> None:
    assert ticks(0.0, 10.0) == [0, 2, 4, 6, 8, 10]
    assert ticks(0.93, 1.11) == pytest.approx([0.95, 1.0, 1.05, 1.1])
    assert "nan" not in chart([("<b>", "a", [(0.0, 1.0), (5.0, 1.0)])], "tokens", "loss")
    assert "<b>" not in chart([("<b>", "a", [(0.0, 1.0)])], "tokens", "loss")


def test_the_command_tells_and_writes_the_same(
    checkpoint: Checkpoint,
    saved_other: Checkpoint,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    corpus = write_corpus(tmp_path / "few.txt", little_stories(9))
    written = tmp_path / "report.html"
    asked = ["compare", "tiny", "other", "--corpus", str(corpus), "--stories", "5"]
    assert main([*asked, "--json", "--html", str(written)]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["a"] == "tiny@0" and len(data["stories"]) == 5
    assert data["loss in bits per byte"]["gain"]["mean"] == pytest.approx(
        data["loss in bits per byte"]["b"]["mean"] - data["loss in bits per byte"]["a"]["mean"]
    )
    assert len(data["heads"]["pairs"]) + len(data["heads"]["unmatched in a"]) == 4
    assert f"--corpus {corpus} --stories 5" in written.read_text(encoding="utf-8")
    assert main(["compare", "tiny", "other", "--corpus", str(corpus), "--stories", "0"]) == 2
    assert "at least 1 story" in capsys.readouterr().err


def test_reading_takes_the_first_stories_and_their_validation_split(tmp_path: Path) -> None:
    assert len(read("shipped", 3).texts) == 3
    assert read("nursery", 2).texts != read("nursery:1:7", 2).texts
    corpus = write_corpus(tmp_path / "two.txt", little_stories(2))
    assert len(read(str(corpus), 50).texts) == 2


def test_development_is_told_step_by_step(
    checkpoint: Checkpoint, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Run(runs / "tiny").save_checkpoint(checkpoint.weights, 8)
    assert main(["development", "tiny", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["steps"] == [0, 8] and data["nats per word"]["0"] == data["nats per word"]["8"]
    assert set(data["half learned by step"].values()) == {None}  # the same weights learn nothing
    assert main(["development", "nobody"]) == 2
