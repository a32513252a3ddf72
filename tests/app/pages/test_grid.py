"""The page of width and depth: the table, the curves, the findings, and how a grid is trained."""

import json
from pathlib import Path

import pytest

from slm.grading.items import Item
from slm.grading.store import GradeStore
from slm.nursery_scores.kept import provenance
from slm.runs import open_run, resolve
from slm.stories.tokenizer import Tokenizer
from slm.training import queue, sweep
from slm.training.sweep import sweep_of
from tests.app.conftest import ROOT, Open, figure_on, make_run, said
from tests.grading.keeping import keep

FINDINGS = 14


def test_each_shape_has_a_cell_with_its_score_and_its_place(
    open_page: Open, two_runs: Path
) -> None:
    figure = figure_on(open_page("grid"), "figure-grid-bits-per-byte")
    cells, _ = figure["data"]
    assert cells["x"] == ["16 wide"] and cells["y"] == ["1 layer", "2 layers"]
    assert cells["text"] == [["2/0.00"], ["1.5/1.00"]]  # fewer bits are better


def test_a_run_that_was_interrupted_is_shown_and_not_ranked(
    open_page: Open, two_runs: Path, tokenizer: Tokenizer
) -> None:
    cut_short = make_run(two_runs, "cut-short", tokenizer, n_layers=4, seed=3, steps=(0,))
    cut_short.update(status="training")  # nobody holds it
    beside = make_run(two_runs, "beside", tokenizer, n_layers=2, seed=4, steps=(0, 30))
    beside.update(status="training")
    app = open_page("grid")
    figure = figure_on(app, "figure-grid-bits-per-byte")
    cells, _ = figure["data"]
    assert cells["y"] == ["1 layer", "2 layers", "4 layers"]
    assert cells["text"] == [["2/0.00"], ["1.5/1.00"], [""]]  # beside's 0.5 would be the best
    (note,) = [a["text"] for a in figure["layout"]["annotations"]]
    assert note == "2, interrupted at step 0"
    assert "Not ranked" in said(app) and "beside (interrupted at step 30)" in said(app)
    rows = app.dataframe[0].value
    assert dict(zip(rows["run"], rows["ranked"], strict=True)) == {
        "tiny": True,
        "other": True,
        "cut-short": False,
        "beside": False,
    }


def test_of_equal_shapes_all_are_shown_with_their_mean_and_spread(
    open_page: Open, two_runs: Path, tokenizer: Tokenizer
) -> None:
    make_run(two_runs, "again", tokenizer, n_layers=2, seed=5, steps=(0, 20))
    app = open_page("grid")
    cells, _ = figure_on(app, "figure-grid-bits-per-byte")["data"]
    assert cells["text"][1] == ["1.25/1.00<br><sub>2 runs, 1 to 1.5</sub>"]
    rows = app.dataframe[0].value
    assert sorted(rows["run"]) == ["again", "other", "tiny"]


def test_a_score_is_followed_over_training(open_page: Open, two_runs: Path) -> None:
    app = open_page("grid", see="over training")
    lines = {line["name"]: line for line in figure_on(app, "figure-curves-bits-per-byte")["data"]}
    assert lines["tiny"]["x"] == [0, 10_000] and lines["tiny"]["y"] == [2.0, 1.5]


def test_grades_join_the_table_and_the_findings_say_what_they_lack(
    open_page: Open, two_runs: Path
) -> None:
    for run, grammar in (("tiny", 8), ("other", 4)):
        store = GradeStore(open_run(run).grades_path)
        for number in range(2):
            item = Item(
                address=f"{run}@{open_run(run).last_step}",
                opening=f"o{number}",
                completion="c",
                opening_index=number,
                completion_index=0,
            )
            grades = {"grammar": grammar, "creativity": 5, "consistency": 5, "plot": 5}
            keep(store, item, "j", grade=json.dumps({**grades, "age_group": "B"}))
    app = open_page("grid")
    app.segmented_control(key="grid.score").set_value("grammar").run()
    cells, _ = figure_on(app, "figure-grid-grammar")["data"]
    assert cells["text"] == [["4/0.00"], ["8/1.00"]]
    app = open_page("grid", see="the paper's findings")
    assert said(app).count("? can't be told") == FINDINGS
    assert "it takes runs of two widths" in said(app).lower()


def test_without_grades_no_finding_is_claimed(open_page: Open, two_runs: Path) -> None:
    app = open_page("grid", see="the paper's findings")
    assert not app.exception and said(app).count("? can't be told") == FINDINGS
    assert said(app).count("Against it would be:") == FINDINGS


def test_losses_are_drawn_against_compute_with_their_frontier(
    open_page: Open, two_runs: Path
) -> None:
    app = open_page("grid", see="over training", over="compute")
    lines = {line["name"]: line for line in figure_on(app, "figure-compute-bits-per-byte")["data"]}
    blocks = 2 * 12 * 16 * 16 + 2 * (4 * 16 + 5 * 16)
    assert lines["2 layers"]["x"] == [6 * blocks * 10_000] and lines["2 layers"]["y"] == [1.5]
    assert lines["frontier"]["y"] == [1.5]


def test_kept_choices_are_columns_of_the_table(open_page: Open, two_runs: Path) -> None:
    for name, right in (("tiny", 1.0), ("other", 0.5)):
        run, step = resolve(name)
        made = provenance(run, step).to_json()
        kept = {"provenance": made, "right": {"facts": {str(n): right for n in range(8)}}}
        path = run.measured_path("nursery-choices", step)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(kept))
    app = open_page("grid")
    rows = app.dataframe[0].value
    assert dict(zip(rows["run"], rows["facts"], strict=True)) == {"tiny": 1.0, "other": 0.5}
    app.segmented_control(key="grid.score").set_value("facts").run()
    cells, _ = figure_on(app, "figure-grid-facts")["data"]
    assert cells["text"] == [["0.5/0.00"], ["1/1.00"]]
    assert "chance 0.5" in said(app)


def test_the_numbers_of_heads_are_told_apart(
    open_page: Open, two_runs: Path, tokenizer: Tokenizer
) -> None:
    run = make_run(two_runs, "heads", tokenizer, n_layers=2, seed=5, steps=(0, 20))
    info = json.loads((run.path / "run.json").read_text())
    info["config"]["n_heads"] = 4
    (run.path / "run.json").write_text(json.dumps(info))
    app = open_page("grid")
    assert len(app.dataframe[0].value) == 3
    app.segmented_control(key="grid.heads").set_value("4").run()
    assert list(app.dataframe[0].value["run"]) == ["heads"]


def test_the_page_opens_on_a_sweep_where_there_is_one(open_page: Open, two_runs: Path) -> None:
    sweep.keep(sweep_of("g", ["16x1x2", "16x2x2"], []))
    app = open_page("grid")
    assert next(box for box in app.selectbox if box.label == "Of").value == "g"


def test_a_sweep_is_a_choice_and_what_has_not_begun_is_left_out(
    open_page: Open, two_runs: Path
) -> None:
    sweep.keep(sweep_of("g", ["16x1x2", "16x2x2"], []))
    (two_runs / "tiny").rename(two_runs / "g-16x2x2")
    app = open_page("grid", grid="g")
    cells, _ = figure_on(app, "figure-grid-bits-per-byte")["data"]
    assert cells["y"] == ["2 layers"]


def test_a_grid_is_put_on_the_queue_shape_by_shape(open_page: Open, two_runs: Path) -> None:
    app = open_page("grid", see="train a grid")
    app.multiselect(key="grid.widths").set_value([16]).run()
    app.selectbox(key="grid.corpus").set_value("a file on this machine").run()
    app.text_input(key="grid.path").set_value("no/such.txt").run()
    assert "2 models of" in said(app) and "16x1x1, 16x2x1" in said(app)
    app.button(key="grid-start").click().run()
    assert not app.exception
    assert sweep.load("grid").shapes == ("16x1x1", "16x2x1")
    names = {one.name for one in queue.waiting()} | set(queue.training()) | set(queue.asked_for())
    assert names <= {"grid-16x1x1", "grid-16x2x1"} and names


def test_the_bundled_grid_is_ranked_by_grammar_and_consistency_without_a_judge(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLM_RUNS", str(ROOT / "runs"))
    app = open_page("grid", score="grammar findings")
    assert not app.exception and not app.error
    table = app.dataframe[0].value.set_index("run")
    assert (
        table.loc["grid-32x1x2", "grammar findings"]
        > table.loc["grid-256x1x16", "grammar findings"]
    )
    assert table.loc["grid-128x4x8", "nats saved"] > table.loc["grid-128x1x8", "nats saved"]
