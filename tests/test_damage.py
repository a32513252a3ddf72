"""Every file of a run may be damaged: what comes is a right value or one line, for that run alone."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from slm.cli import main
from slm.comparing.curves import curves, damage
from slm.comparing.measured import MEASURED_KINDS, MeasuredValue, kept, provenance
from slm.grading.history import judges, scored
from slm.grading.items import Item
from slm.grading.store import GradeStore
from slm.knowledge.verdicts import say, with_verdicts
from slm.llm import prices
from slm.llm.messages import Reply
from slm.llm.replies import ReplyStore, call
from slm.memorization import kept as studies
from slm.memorization.endings import Ending
from slm.memorization.measures import KS, Measures
from slm.memorization.study import Study
from slm.runs import Checkpoint, Metric, Run, damaged_runs, list_runs, load_checkpoint
from slm.training import queue, sweep
from slm.training.grid import grid_runs
from slm.training.options import parse
from tests.damage import complaints
from tests.grading.keeping import keep

VARIANTS = 60


@pytest.fixture
def run(checkpoint: Checkpoint, runs: Path) -> Run:
    """`tiny` with a log, and beside it `good`."""
    run = Run(runs / "tiny")
    for one in (run, Run(runs / "good")):
        one.path.mkdir(exist_ok=True)
        one.write_info(run.info)
        checkpoint.tokenizer.save(one.path / "tokenizer.json")
        one.save_checkpoint(checkpoint.weights, 0)
        for step in range(4):
            one.add_metric(
                Metric(
                    step=step,
                    tokens=step,
                    seconds=1.0,
                    train_loss=None,
                    val_loss=2.0,
                    val_bits_per_byte=1.0,
                )
            )
            one.add_samples([{"step": step, "prompt": "Once", "text": " a fox", "stopped": "end"}])
    return run


def everything(run: Run) -> Callable[[], object]:
    """Look at all runs as the pages and commands do that show them beside each other."""

    def look() -> None:
        names = {one.name for one in list_runs()} | damaged_runs().keys()
        assert names == {"good", "tiny"} and "good" not in damaged_runs()
        assert main(["runs", "--json"]) == 0 == main(["runs"])
        assert [curve.run for curve in curves(list_runs())].count("good") >= 2
        assert "good" in {cell.run for cell in grid_runs(["tiny", "good"])}
        damage(list_runs())
        _ = Run(run.path).info, run.metrics(), run.samples(), run.status, queue.training()

    return look


@pytest.mark.parametrize("name", ["run.json", "metrics.jsonl", "samples.jsonl"])
def test_a_damaged_record_is_one_line_and_hides_no_other_run(
    run: Run, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert complaints(run.path / name, everything(run), VARIANTS) == []


def test_a_damaged_tokenizer_is_one_line(run: Run) -> None:
    def load() -> None:
        tokenizer = load_checkpoint("tiny").tokenizer
        tokenizer.decode(tokenizer.encode_story("Once upon a time, Amy had a ball.\n"))

    assert complaints(run.path / "tokenizer.json", load, 150) == []


def test_a_damaged_checkpoint_is_one_line(run: Run) -> None:
    assert complaints(run.checkpoint_path(0), lambda: load_checkpoint("tiny"), VARIANTS) == []


def test_a_damaged_state_to_go_on_from_is_one_line(run: Run) -> None:
    run.save_resume(checkpoint_state(), 3, 1.5)
    found = run.load_resume()
    assert found is not None and found[1:] == (3, 1.5)
    assert complaints(run.resume_path, run.load_resume, VARIANTS) == []


def checkpoint_state() -> dict[str, torch.Tensor]:
    """Some tensors by name."""
    return {name: torch.arange(4.0) for name in ("weights/a", "muon/a/buffer")}


def test_damaged_verdicts_are_one_line(run: Run) -> None:
    say(run, "A dog says", "woof", "right")
    assert complaints(run.verdicts_path, lambda: with_verdicts(run, []), VARIANTS) == []


def test_damaged_prices_are_one_line(runs: Path) -> None:
    prices.save_prices({"judge": prices.Price(input=1.0, output=2.0)})
    assert complaints(prices.own_path(), prices.prices, VARIANTS) == []


def test_damaged_replies_are_one_line(run: Run) -> None:
    item = Item(
        address="tiny@0", opening="Once", completion=" a fox", opening_index=0, completion_index=0
    )
    keep(GradeStore(run.grades_path), item, grade="{}", cost=0.0)

    def look() -> None:
        damage([run])
        GradeStore(run.grades_path).conversations("tiny@0")
        GradeStore(run.grades_path).find_all("judge", "server")
        judges(), scored(run, "judge")

    assert complaints(run.grades_path, look, VARIANTS) == []
    replies = ReplyStore(run.explanations_path)
    asked = call([{"role": "user"}], None, model="judge", server="server", version="1")
    kept = replies.keep(asked, Reply(text="yes", input_tokens=1, output_tokens=1), None)
    assert replies.find(asked.key) == kept
    assert complaints(run.explanations_path, lambda: replies.find(asked.key), VARIANTS) == []


def test_damaged_measurements_and_studies_are_one_line_or_nothing_measured(run: Run) -> None:
    for what in MEASURED_KINDS:
        path = run.measured_path(what, 0)
        path.parent.mkdir(exist_ok=True)
        value = MeasuredValue(
            measure="heads", of="any kind", value=1.0, low=0.0, high=2.0, baseline=None, count=3
        )
        path.write_text(
            json.dumps(
                {"provenance": provenance(run, 0, what).to_json(), "values": [asdict(value)]}
            )
        )
        assert kept(run, 0, what) == (value,)
        assert complaints(path, lambda: curves([run]), VARIANTS) == []
    ks = {k: [0.5] for k in KS}
    measures = Measures(
        rouge_precision=ks,
        max_rouge2_f=[None],
        ngram_overlap=ks,
        max_rouge2_precision=[0.1],
        longest=[3],
        copies=[[]],
        templates=[None],
    )
    ending = Ending(story="a b", beginning="a", text="b")
    found = Study(
        endings={kind: [ending] for kind in studies.KINDS},
        measures=dict.fromkeys(studies.KINDS, measures),
    )
    path = run.memorization_path / "study-0.json"
    path.parent.mkdir()
    made = {
        "weights": {"tiny@0": run.weights_hash(0)},
        "stories": 1,
        "sampling": {},
        "texts": {"corpus": "c", "unseen": "u", "corpus_hash": "1", "unseen_hash": "2"},
    }
    path.write_text(json.dumps({"made": made, **asdict(found)}))
    assert [
        study.measures["trained"].rouge_precision for _, _, study in studies.kept_studies(run)
    ] == [ks]

    def look() -> None:
        curves([run]), damage([run]), studies.read_study(path)

    assert complaints(path, look, VARIANTS) == []


def test_a_damaged_queue_and_a_damaged_sweep_are_one_line(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(queue, "start_worker", lambda: None)
    queue.add(parse("first", ["--tokens", "1k"]))
    queue.add(parse("second", ["--tokens", "1k"]))
    first, _ = sorted((runs / ".queue").glob("*.json"))

    def look() -> None:
        assert "second" in {one.name for one in queue.waiting()}
        assert len(queue.waiting()) + len(queue.damage()) <= 2
        assert main(["queue", "list"]) == 0

    assert complaints(first, look, VARIANTS) == []
    sweep.keep(sweep.sweep_of("grid", ["16x1x2"], ["--tokens", "1k"]))
    path = runs / ".sweeps" / "grid.json"
    assert complaints(path, lambda: (sweep.names(), sweep.load("grid")), VARIANTS) == []


def test_a_log_is_read_up_to_its_first_damaged_line_and_says_which(run: Run) -> None:
    path = run.path / "metrics.jsonl"
    lines = path.read_text().split("\n")
    path.write_text("\n".join([*lines[:2], "{nothing", *lines[2:]]))
    assert [metric.step for metric in run.metrics()] == [0, 1]
    assert run.damage() == [
        f"{path} line 3 is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 "
        "(char 1); the lines before it are shown"
    ]
    with pytest.raises(Exception, match=r"line 3 .*; take it out of the file to go on"):
        run.rewind(1)
    assert "{nothing" in path.read_text()


def test_a_log_with_line_separators_within_its_text_is_read_and_goes_on(run: Run) -> None:
    path = run.path / "samples.jsonl"
    odd = {"step": 9, "prompt": "Once\u2028\u2029\x85", "text": "\u2028", "stopped": "end"}
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(json.dumps(odd, ensure_ascii=False) + "\n")  # as it was written before
    assert run.damage() == [] and run.samples()[-1] == odd
    run.rewind(9)
    assert run.samples()[-1] == odd
