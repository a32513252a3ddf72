"""What a kept result was made from: it holds for the same weights and settings, and for nothing else."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from slm.comparing.measured import kept, measure, missing, provenance
from slm.errors import BadInput
from slm.memorization.kept import EARLIER_NAMES, KINDS, kept_studies, read_study
from slm.progress import result_of
from slm.provenance import Provenance, read_kept, write_kept
from slm.records import Metric
from slm.runs import Checkpoint, Run, open_run

SETTINGS = {"stories": 4, "sampling": {"temperature": 1.0}}


@pytest.fixture
def run(checkpoint: Checkpoint) -> Run:
    return open_run("tiny")


def test_it_holds_for_the_same_weights_and_settings_also_after_a_new_name(run: Run) -> None:
    made = Provenance.of([(run, 0)], SETTINGS)
    assert made.weights == {"tiny@0": run.weights_hash(0)}
    again = Provenance.from_file({"provenance": json.loads(json.dumps(made.to_json()))}, "file")
    assert again == made and again.holds(Provenance.of([(run, 0)], SETTINGS))
    renamed = Provenance(weights={"other@0": run.weights_hash(0)}, settings=SETTINGS)
    assert made.holds(renamed)
    assert not made.holds(Provenance(weights={"tiny@0": "another"}, settings=SETTINGS))
    assert not made.holds(Provenance.of([(run, 0)], {**SETTINGS, "stories": 5}))


def test_a_step_is_named_only_where_its_weights_are_those_of_then(run: Run) -> None:
    made = Provenance.of([(run, 0)], SETTINGS)
    assert made.step_of(run, "tiny@0") == 0
    for address in ("other@0", "tiny", "tiny@7", "no address", ""):
        assert made.step_of(run, address) is None
    run.checkpoint_path(0).write_bytes(b"trained anew")
    assert made.step_of(run, "tiny@0") is None


def test_a_file_without_a_record_has_none_and_a_wrong_one_is_one_line() -> None:
    assert Provenance.from_file({"values": []}, "file") is None
    for wrong in ([], {"provenance": 3}, {"provenance": {}}, {"made": {"weights": {"a": 1}}}):
        with pytest.raises(BadInput, match=r"^file: it"):
            Provenance.from_file(wrong, "file")


def test_what_was_measured_before_records_had_this_name_still_counts(run: Run) -> None:
    run.add_metric(Metric(step=0, tokens=1, seconds=0.0, train_loss=None, val_loss=1.0))
    result_of(measure([run], "knowledge"))
    path = run.measured_path("knowledge", 0)
    before = kept(run, 0, "knowledge")
    now = provenance(run, 0, "knowledge")
    values = json.loads(path.read_text())["values"]
    earlier = {**now.settings, "weights": run.weights_hash(0)}
    path.write_text(json.dumps({"made": earlier, "values": values}))
    assert before and kept(run, 0, "knowledge") == before and missing(run, "knowledge") == []
    path.write_text(json.dumps({"made": {**earlier, "beams": 1}, "values": values}))
    assert kept(run, 0, "knowledge") is None


def earlier_study(run: Run, change: Callable[[dict[str, object]], None]) -> Path:
    """A study as files had it before its measures had the names of what they are."""
    by_k = {str(k): [0.5] for k in range(1, 9)}
    measures: dict[str, object] = {
        "truth": by_k,
        "each_other": [0.1],
        "seen": {k: [0.25] for k in by_k},
        "one_story": [None],
        "longest": [3],
        "copies": [[]],
        "templates": [None],
    }
    change(measures)
    made = {
        "weights": {"tiny@0": run.weights_hash(0)},
        "stories": 1,
        "sampling": {"temperature": 0.5},
        "texts": {"corpus": "c", "unseen": "u", "corpus_hash": "1", "unseen_hash": "2"},
    }
    endings = {kind: [{"story": "a b", "beginning": "a", "text": "b"}] for kind in KINDS}
    path = run.memorization_path / "study-0.json"
    path.parent.mkdir(exist_ok=True)
    data = {"made": made, "endings": endings, "measures": dict.fromkeys(KINDS, measures)}
    path.write_text(json.dumps(data))
    return path


def test_a_study_with_earlier_names_is_read(run: Run) -> None:
    path = earlier_study(run, lambda measures: None)
    found = read_study(path)
    assert found is not None
    one = found.measures["people"]
    assert (one.rouge_precision[2], one.max_rouge2_f) == ([0.5], [0.1])
    assert (one.ngram_overlap[5], one.max_rouge2_precision) == ([0.25], [None])
    ((made, settings, study),) = kept_studies(run)
    assert made.step_of(run, "tiny@0") == 0
    assert (settings.stories, settings.sampling.temperature, settings.texts.corpus) == (1, 0.5, "c")
    assert study.measures["trained"].longest == [3]


@pytest.mark.parametrize("name", sorted(EARLIER_NAMES))
def test_a_study_that_lacks_a_measure_is_one_line(run: Run, name: str) -> None:
    path = earlier_study(run, lambda measures: measures.pop(name) and None)
    with pytest.raises(BadInput, match="delete it and measure again"):
        read_study(path)
    assert list(kept_studies(run)) == []


@dataclass(frozen=True, kw_only=True)
class Told:
    found: float


def test_a_kept_result_is_read_while_its_provenance_holds_and_else_counts_as_none(
    run: Run, tmp_path: Path
) -> None:
    path, asked = tmp_path / "kept.json", list[int]()

    def now(stories: int = 4) -> Provenance:
        asked.append(stories)
        return Provenance.of([(run, 0)], {**SETTINGS, "stories": stories})

    assert read_kept(path, Told, now) is None and not asked  # there is no file to hold anything
    write_kept(path, now(), {"found": 0.5})
    assert read_kept(path, Told, now) == Told(found=0.5)
    assert read_kept(path, Told, lambda: now(5)) is None
    path.write_text(path.read_text()[:40])
    assert read_kept(path, Told, now) is None


def test_a_result_with_a_number_that_json_lacks_is_not_kept(run: Run, tmp_path: Path) -> None:
    write_kept(tmp_path / "kept.json", Provenance.of([(run, 0)], SETTINGS), {"found": math.nan})
    assert not list(tmp_path.glob("kept*"))
