"""Any text survives every file of ours: all of Unicode, halves of characters, NULs and line ends."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slm.comparing.measured import MeasuredValue, kept, provenance
from slm.errors import BadInput
from slm.grading.items import Item
from slm.grading.store import GradeStore
from slm.knowledge.verdicts import _said, say
from slm.llm import prices
from slm.llm.messages import Reply
from slm.llm.replies import ReplyStore, call
from slm.memorization.endings import Ending
from slm.memorization.kept import KINDS, read_study
from slm.memorization.measures import KS, Measures
from slm.memorization.study import Study
from slm.model.config import PRESETS
from slm.reading import typed
from slm.runs import Checkpoint, Metric, Run, RunInfo
from slm.training import queue, sweep
from slm.training.spec import TrainingSpec
from tests.grading.keeping import keep


def joined(text: str) -> str:
    """A text as JSON gives it back: two halves of a character beside each other are that character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


ODD = "\n\r\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e\x00\ufeff\udfff\ud800\x7f\u202e\\\"'{},[]= "
TEXTS = st.builds(
    joined, st.text(st.characters(codec=None, exclude_categories=()) | st.sampled_from(ODD))
) | (st.sampled_from(("\U0001f469\u200d\u2696\ufe0f", "\r\n", "\\ud800", ODD)))
ENOUGH = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker is started for what is put on the queue."""
    monkeypatch.setattr(queue, "start_worker", lambda: None)


@contextmanager
def another_run(checkpoint: Checkpoint) -> Iterator[Run]:
    """A run's folder that holds nothing."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder) / "r")
        run.path.mkdir()
        run.write_info(RunInfo(config=checkpoint.config))
        checkpoint.tokenizer.save(run.path / "tokenizer.json")
        yield run


@given(TEXTS)
@ENOUGH
def test_in_run_json_and_both_logs(checkpoint: Checkpoint, text: str) -> None:
    with another_run(checkpoint) as run:
        run.update(message=text, command=text, corpus={"train": text, text: text}, parent=text)
        info = run.info
        assert (info.message, info.command, info.parent) == (text, text, text)
        assert info.corpus == {"train": text, text: text} | (
            {"train": text} if text == "train" else {}
        )
        for step in (0, 1, 2):
            run.add_metric(Metric(step=step, tokens=1, seconds=0.0, train_loss=None))
            run.add_samples([{"step": step, "prompt": text, "text": text, "stopped": text}])
        run.rewind(1)
        assert run.damage() == []
        assert [metric.step for metric in run.metrics()] == [0, 1]
        assert [(one["prompt"], one["text"], one["stopped"]) for one in run.samples()] == [
            (text,) * 3
        ] * 2
        assert len((run.path / "samples.jsonl").read_text().splitlines()) == 2, (
            "others read it, too"
        )


@given(TEXTS)
@ENOUGH
def test_in_verdicts_measurements_and_studies(checkpoint: Checkpoint, text: str) -> None:
    with another_run(checkpoint) as run:
        say(run, text, text, "almost")
        assert _said(run) == {(text, text): "almost"}
        run.save_checkpoint(checkpoint.weights, 0)
        value = MeasuredValue(
            measure=text, of=text, value=1.0, low=0.0, high=2.0, baseline=None, count=3, which=text
        )
        path = run.measured_path("heads", 0)
        path.parent.mkdir()
        path.write_text(
            json.dumps(
                {"provenance": provenance(run, 0, "heads").to_json(), "values": [asdict(value)]}
            )
        )
        assert kept(run, 0, "heads") == (value,)
        one = Measures(
            rouge_precision={k: [None] for k in KS},
            max_rouge2_f=[None],
            ngram_overlap={k: [None] for k in KS},
            max_rouge2_precision=[None],
            longest=[0],
            copies=[[]],
            templates=[None],
        )
        ending = Ending(story=text, beginning=text, text=text)
        study = Study(
            endings={kind: [ending] for kind in KINDS}, measures=dict.fromkeys(KINDS, one)
        )
        path = run.memorization_path / "study-0.json"
        path.parent.mkdir()
        path.write_text(json.dumps(asdict(study)))
        found = read_study(path)
        assert found is not None and found.endings["trained"] == [ending]


@given(TEXTS)
@ENOUGH
def test_in_a_price_table_or_the_name_is_refused_and_the_table_stays(
    checkpoint: Checkpoint, text: str
) -> None:
    price = prices.Price(input=1.5, output=2.5)
    prices.save_prices({"before": price})
    try:
        prices.save_prices({"before": price, text: price})
    except BadInput as error:
        assert "\n" not in str(error)
        assert prices.own_prices() == {"before": price}
    else:
        assert prices.own_prices() == {"before": price, text: price}


@pytest.mark.parametrize(
    "name", ["\U0001f600", "\U0001f469\u200d\u2696\ufe0f", "un juge à l'œil", 'a "b" \\ c', "'''"]
)
def test_a_judge_may_be_called_anything_that_stands_in_a_line(
    checkpoint: Checkpoint, name: str
) -> None:
    price = prices.Price(input=1.5, output=2.5)
    prices.save_prices({name: price})
    assert prices.own_prices() == {name: price}


@given(TEXTS)
@ENOUGH
def test_in_the_queue_and_in_a_sweep(checkpoint: Checkpoint, text: str) -> None:
    try:
        spec = TrainingSpec(name="waits", config=PRESETS["quick"], corpus=text)
    except BadInput:  # it is no path, or nothing
        return
    queue.add(spec)
    assert [entry.spec for entry in queue.waiting()] == [spec]
    queue.withdraw("waits")
    grid = sweep.Sweep(name="waits", specs=(replace(spec, name="waits-1"),))
    assert typed(sweep.Sweep, json.loads(json.dumps(asdict(grid))), "the sweep") == grid


@given(TEXTS)
@ENOUGH
def test_in_grades_and_replies(checkpoint: Checkpoint, text: str) -> None:
    stored = text.encode("utf-8", "backslashreplace").decode()  # SQLite has no halves of characters
    with another_run(checkpoint) as run:
        item = Item(
            address="r@0", opening=text, completion=text, opening_index=0, completion_index=0
        )
        store = GradeStore(run.grades_path)
        keep(store, item, text, text, assessment=text, grade=text)
        (said,) = store.conversations("r@0")
        assert (said.item.opening, said.item.completion, said.judge) == (stored,) * 3
        assert (said.assessment, said.grade) == (stored, stored)
        replies = ReplyStore(run.explanations_path)
        asked = call(
            [{"role": "user", "content": text}], None, model=text, server=text, version="version"
        )
        assert replies.claim(asked)
        kept = replies.keep(asked, Reply(text=text, input_tokens=0, output_tokens=0), None)
        assert kept.text == stored
        assert replies.find(asked.key) == kept == replies.find_all(text, text)[asked.key]
