"""Curves are what runs wrote down, and what was measured of the checkpoints that are there now."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from slm.cli import main
from slm.comparing import measured
from slm.comparing.curves import BITS, COPYING, NEW, NEW_WORDS, Curve, curves
from slm.comparing.matching import shuffled
from slm.comparing.measured import (
    BEST_HEAD,
    BY_PROBABILITY,
    HEADS,
    KNOWLEDGE,
    best_heads,
    kept,
    measure,
    missing,
    numbers_of_heads,
)
from slm.generation.sampler import Sampling
from slm.interp.heads.scores import HeadScores, head_scores
from slm.knowledge.prompts import shipped
from slm.knowledge.scoring import ask, scores
from slm.memorization import kept as studies
from slm.model.config import ModelConfig
from slm.model.weights import initialise
from slm.progress import result_of
from slm.runs import Address, Metric, Run, RunInfo, load_checkpoint, open_run
from slm.stats.interval import Intervals
from slm.stories.tokenizer import Tokenizer
from tests.conftest import write_corpus

BUNDLED = Path(__file__).resolve().parents[2] / "runs"


@pytest.fixture
def run(runs: Path, tokenizer: Tokenizer) -> Run:
    """Steps 0 and 8 of a run of 16x1x2, each with a line of metrics, and one line without a checkpoint."""
    config = ModelConfig(d_model=16, n_layers=1, n_heads=2, d_vocab=tokenizer.d_vocab, n_ctx=128)
    run = Run(runs / "learner")
    tokenizer.save(run.path / "tokenizer.json")
    run.write_info(RunInfo(config=config, status="finished"))
    for step in (0, 8):
        run.save_checkpoint(initialise(config, step), step)
    for step in (0, 8, 9):
        run.add_metric(
            Metric(
                step=step,
                tokens=100 * step,
                seconds=2.0 * step,
                train_loss=4.0,
                val_bits_per_byte=None if step == 9 else 2.0 - step / 10,
            )
        )
    return run


def train_anew(run: Run, step: int) -> None:
    run.save_checkpoint(initialise(run.config, 77), step)


def of(found: list[Curve], measure: str, kind: str) -> Curve:
    (one,) = [curve for curve in found if (curve.measure, curve.of) == (measure, kind)]
    return one


def test_what_a_run_wrote_down_stands_over_its_tokens_and_seconds(run: Run) -> None:
    (bits,) = curves([run])
    assert bits.measure == BITS
    assert [(p.over("tokens"), p.over("seconds"), p.value) for p in bits.points] == [
        (0, 0, 2.0),
        (800, 16, pytest.approx(1.2)),
    ]


def test_knowledge_is_that_of_every_checkpoint_beside_chance(run: Run) -> None:
    assert missing(run, "knowledge") == [0, 8]
    assert result_of(measure([run], "knowledge")) == 2
    found = curves([open_run("learner")])
    for step in (0, 8):
        for one in scores(ask(load_checkpoint(f"learner@{step}"), shipped())):
            point = next(p for p in of(found, KNOWLEDGE, one.kind).points if p.step == step)
            assert one.by_chance is not None and one.preferred and one.guessing
            assert (point.value, point.low, point.high) == (
                one.score.mean,
                one.score.low,
                one.score.high,
            )
            assert (point.baseline, point.count) == (one.by_chance.mean, one.prompts)
            other = of(found, KNOWLEDGE, one.kind + BY_PROBABILITY)
            assert other.baseline == "guessing"
            point = next(p for p in other.points if p.step == step)
            assert (point.value, point.baseline) == (one.preferred.mean, one.guessing.mean)
    assert missing(run, "knowledge") == [] and missing(run, "heads") == [0, 8]


def test_heads_are_counted_beside_a_model_that_knows_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measured, "STORIES", 9)
    run.checkpoint_path(0).unlink()
    result_of(measure([run], "heads"))
    found, model = curves([run]), load_checkpoint("learner@8")
    learned = head_scores(model, stories=9)
    (any_kind,) = of(found, HEADS, "any kind").points
    assert any_kind.value == learned.is_significant().any(-1).sum()
    assert (
        any_kind.baseline
        == head_scores(shuffled(model, 0), stories=9).is_significant().any(-1).sum()
    )
    at = learned.kinds.index("induction")
    (best,) = of(found, BEST_HEAD, "induction").points
    head = int(learned.difference.mean[0, :, at].argmax())
    assert (best.step, best.which) == (8, f"0.{head}")
    assert best.value == pytest.approx(learned.score.mean[0, head, at], abs=1e-5)
    assert best.baseline == pytest.approx(learned.baseline.mean[0, head, at], abs=1e-5)


def scored(means: list[list[float]], wide: float = 0.01) -> HeadScores:
    """One layer, a row a head and a column a kind: so much above a baseline of 0.2, give or take `wide`."""
    gain = np.array([means], dtype=np.float32)
    return HeadScores(
        address=Address("by-hand", 0),
        corpus="nursery",
        kinds=("induction", "names", "place")[: gain.shape[-1]],
        score=Intervals(mean=0.2 + gain, low=0.2 + gain - wide, high=0.2 + gain + wide),
        baseline=Intervals(mean=0 * gain + 0.2, low=0 * gain, high=0 * gain),
        difference=Intervals(mean=gain, low=gain - wide, high=gain + wide),
        distance=np.zeros((1, gain.shape[1]), dtype=np.int64),
        profile=np.zeros((1, gain.shape[1], 3), dtype=np.float32),
        rows=(9, 8, 2)[: gain.shape[-1]],
    )


def test_heads_are_counted_by_kind_and_their_interval_by_who_is_near_the_limit() -> None:
    nothing = float("nan")
    learned = scored(
        [[0.30, 0.0, nothing], [0.055, 0.2, nothing], [0.045, 0.0, nothing], [0.0, 0.0, nothing]]
    )
    ignorant = scored([[0.0, 0.3, nothing]] + [[0.0, 0.0, nothing]] * 3)
    told = {
        one.of: (one.value, one.low, one.high, one.baseline, one.count)
        for one in numbers_of_heads(learned, ignorant)
    }
    assert told == {
        "any kind": (2, 2, 3, 1, 9),  # head 1 is surely one by its names
        "induction": (2, 1, 3, 0, 9),  # 0.055 counts but may be 0.045, 0.045 may be 0.055
        "names": (1, 1, 1, 1, 8),
    }  # of places too few stories tell
    best = {one.of: (one.which, one.value, one.baseline) for one in best_heads(learned)}
    assert best == {"induction": ("0.0", 0.5, 0.2), "names": ("0.1", 0.4, 0.2)}


def test_what_was_measured_of_other_weights_is_a_gap_and_measured_again(run: Run) -> None:
    result_of(measure([run], "knowledge"))
    train_anew(run, 8)
    points = of(curves([run]), KNOWLEDGE, "all").points
    assert [p.step for p in points] == [0] and missing(run, "knowledge") == [8]
    before = run.measured_path("knowledge", 0).stat().st_mtime_ns
    assert result_of(measure([run], "knowledge")) == 1
    assert run.measured_path("knowledge", 0).stat().st_mtime_ns == before
    assert missing(run, "knowledge") == []


@pytest.mark.parametrize("part", ["version", "weights", "tokenizer", "prompts", "beams"])
def test_a_value_made_from_anything_else_is_never_shown(run: Run, part: str) -> None:
    path = run.measured_path("knowledge", 0)
    result_of(measure([run], "knowledge"))
    data = json.loads(path.read_text())
    made = {**data["provenance"], part: "another"}
    path.write_text(json.dumps({**data, "provenance": made}))
    assert kept(run, 0, "knowledge") is None and missing(run, "knowledge") == [0]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"made": 1}', '{"provenance": 1, "values": []}', '{"values": [{"a": 1}]}'],
)
def test_a_broken_file_is_measured_again(run: Run, text: str) -> None:
    path = run.measured_path("knowledge", 8)
    path.parent.mkdir()
    path.write_text(text)
    assert missing(run, "knowledge") == [0, 8]


def test_work_that_is_stopped_keeps_what_it_has_and_goes_on_later(run: Run) -> None:
    work = measure([run], "knowledge")
    told = [next(work), next(work)]  # the second comes when step 0 is done
    work.close()
    assert [one.share for one in told] == [0.0, 0.5]
    assert kept(run, 0, "knowledge") is not None and missing(run, "knowledge") == [8]
    assert result_of(measure([run], "knowledge")) == 1 and missing(run, "knowledge") == []


def test_a_checkpoint_without_a_line_of_metrics_cannot_be_drawn_and_is_not_asked_for(
    run: Run,
) -> None:
    run.save_checkpoint(initialise(run.config, 5), 5)
    assert missing(run, "heads") == [0, 8]


def study_both(run: Run, tmp_path: Path) -> studies.Texts:
    """Copying and novelty of step 8, measured as their commands do, of four stories."""
    stories = [f"A {a} and a {b} met in the wood one day and sang." for a in "abcde" for b in "xyz"]
    corpus = str(write_corpus(tmp_path / "seen.txt", stories))
    unseen = str(
        write_corpus(tmp_path / "unseen.txt", [s.replace("wood", "town") for s in stories])
    )
    chosen = studies.texts(corpus, unseen)
    sampling = Sampling(max_tokens=12)
    list(studies.make_study(str(Address(run.name, 8)), chosen, 4, sampling))
    list(studies.make_novelty([(f"{run.name}@8", 1.0)], chosen, 4, sampling))
    return chosen


def test_studies_of_copies_are_curves_beside_what_was_never_seen(run: Run, tmp_path: Path) -> None:
    study_both(run, tmp_path)
    found = curves([run])
    ((*_, study),) = studies.kept_studies(run)
    (copying,) = [curve for curve in found if curve.measure == COPYING]

    def mean(values: list[float | None]) -> float:
        return float(np.mean([value for value in values if value is not None]))

    (point,) = copying.points
    assert (point.step, point.tokens) == (8, 800)
    assert point.value == pytest.approx(mean(study.measures["trained"].rouge_precision[2]))
    assert point.baseline == pytest.approx(mean(study.measures["unseen"].rouge_precision[2]))
    ((*_, novelty),) = studies.kept_novelty(run)
    (new,) = [curve for curve in found if curve.measure == NEW]
    assert new.of == "temperature 1" and new.baseline == "people's endings"
    assert new.points[0].value == pytest.approx(mean(novelty.points[0].new[NEW_WORDS]))
    assert new.points[0].baseline == pytest.approx(mean(novelty.people[NEW_WORDS]))


def test_a_study_of_other_weights_is_no_point(run: Run, tmp_path: Path) -> None:
    study_both(run, tmp_path)
    train_anew(run, 8)
    assert {curve.measure for curve in curves([run])} == {BITS}


def test_shuffled_weights_have_the_same_entries(run: Run) -> None:
    model = load_checkpoint("learner@8")
    other = shuffled(model, 0)
    for (_, a), (_, b) in zip(
        model.weights.named_parameters(), other.weights.named_parameters(), strict=True
    ):
        assert torch.equal(a.flatten().sort().values, b.flatten().sort().values)


def test_the_bundled_runs_are_measured_and_by_this_very_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SLM_RUNS", str(BUNDLED))
    for name in ("four-layer", "one-layer", "storyteller"):
        assert missing(open_run(name), "knowledge") == missing(open_run(name), "heads") == []
    told = kept(open_run("one-layer"), 4883, "heads")
    best = best_heads(head_scores(load_checkpoint("one-layer@4883"), stories=24))
    for now in best:
        (then,) = [one for one in told or () if (one.measure, one.of) == (BEST_HEAD, now.of)]
        assert then.value == pytest.approx(now.value, abs=0.005), "raise VERSION and measure again"
        assert then.baseline == pytest.approx(now.baseline, abs=0.005)


def test_the_command_measures_prints_and_says_what_is_missing(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["curves", "learner", "--measure", "knowledge", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["not measured"] == {"knowledge": {}, "heads": {"learner": [0, 8]}}
    points = of(curves([run]), KNOWLEDGE, "all").points
    (told,) = [c for c in data["curves"] if (c["measure"], c["of"]) == (KNOWLEDGE, "all")]
    assert [p["value"] for p in told["points"]] == [p.value for p in points]
    assert main(["curves", "learner"]) == 0
    assert "heads of learner is not measured at 2 of its checkpoints" in capsys.readouterr().out
    assert main(["curves", "nobody"]) == 2
