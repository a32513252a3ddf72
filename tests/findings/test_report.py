"""The report of findings says the same to the page and to the command."""

import json
from pathlib import Path

import pytest

from slm.cli import main
from slm.findings.report import SCORES, report, scores_of, story_findings
from slm.runs import list_runs

BUNDLED = Path(__file__).resolve().parents[2] / "runs"


def test_without_runs_nothing_is_claimed_and_each_finding_says_what_it_takes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = report([], None)
    assert {one.verdict for one in found.findings} == {"can't be told"}
    assert all(one.against for one in found.findings)
    assert all("it takes" in one.why or "would measure" in one.why for one in found.findings)
    assert main(["findings", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found.to_json()


def test_findings_on_stories_take_the_measures_that_need_no_judge_where_none_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SLM_RUNS", str(BUNDLED))
    runs = [run for run in list_runs() if run.name.startswith("grid-")]
    scored = scores_of(runs)
    assert len(scored) == len(runs) and set(scored[0].values) == {
        "grammar",
        "consistency",
        "creativity",
    }
    better = {one.run: sum(one.values["grammar"].values()) for one in scored}
    assert better["grid-128x4x8"] > better["grid-32x1x2"]  # fewer findings are better
    depth = next(
        one for one in story_findings(scored, SCORES, one_scale=False) if "Depth helps" in one.claim
    )
    assert depth.verdict == "holds" and "standard deviations" in depth.unit
    assert "without a judge" in depth.source
