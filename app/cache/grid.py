"""Cached grades over training, read again when a grade was added."""

import streamlit as st

from slm.findings.report import FindingsReport, report
from slm.grading import history
from slm.grading.history import GradedCheckpoint
from slm.nursery_scores.choices import KINDS
from slm.nursery_scores.kept import kept_choices
from slm.runs import list_runs
from slm.scores.kept import kept_scores
from slm.stats.interval import Interval


def story_judges() -> list[str]:
    """List everybody who graded a story."""
    return _judges(_changed())


def graded_checkpoints(runs: tuple[str, ...], judge: str) -> dict[str, list[GradedCheckpoint]]:
    """Return the checkpoints that a judge graded, by run; runs without any are left out."""
    return _graded(runs, judge, _changed())


def findings(judge: str | None) -> FindingsReport:
    """Check the paper's findings on all runs: what is kept of them, and what `judge` graded."""
    return _findings(judge, _changed(), _measured())


def kept_measures(runs: tuple[str, ...]) -> dict[str, dict[str, Interval]]:
    """Return what is kept of each run's last checkpoint: right choices by kind, grammar, consistency."""
    return _kept_measures(runs, _measured())


def damage() -> list[str]:
    """List the runs whose grades cannot be read, one line per run."""
    return _damage(_changed())


def _changed() -> tuple[int, ...]:
    """Return when each run's grades changed last, SQLite's log beside the store included."""
    paths = [
        path
        for run in list_runs()
        for path in (run.grades_path, run.grades_path.with_name(run.grades_path.name + "-wal"))
    ]
    return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)


@st.cache_data(max_entries=4, show_spinner=False)
def _judges(changed: tuple[int, ...]) -> list[str]:
    return history.judges()


@st.cache_data(max_entries=4, show_spinner=False)
def _damage(changed: tuple[int, ...]) -> list[str]:
    return history.damage(list_runs())


@st.cache_data(max_entries=16, show_spinner="Reading the grades …")
def _graded(
    runs: tuple[str, ...], judge: str, changed: tuple[int, ...]
) -> dict[str, list[GradedCheckpoint]]:
    found = {run.name: history.scored(run, judge) for run in list_runs() if run.name in runs}
    return {name: scored for name, scored in found.items() if scored}


@st.cache_data(max_entries=4, show_spinner="Checking the paper's findings …")
def _findings(
    judge: str | None, changed: tuple[int, ...], measured: tuple[tuple[str, int], ...]
) -> FindingsReport:
    return report(list_runs(), judge)


@st.cache_data(max_entries=16, show_spinner=False)
def _kept_measures(
    runs: tuple[str, ...], measured: tuple[tuple[str, int], ...]
) -> dict[str, dict[str, Interval]]:
    found = {}
    for run in list_runs():
        if run.name not in runs or not run.steps:
            continue
        there: dict[str, Interval] = {}
        if (choices := kept_choices(run.name)) is not None:
            there |= {str(kind): choices.share(kind) for kind in KINDS if kind in choices.right}
        if (scores := kept_scores(run.name)) is not None:
            there["grammar findings"] = scores.interval("grammar")
            there["nats saved"] = scores.interval("consistency")
        found[run.name] = there
    return found


def _measured() -> tuple[tuple[str, int], ...]:
    """Return when what is kept of each run's checkpoints changed last, weights included."""
    folders = [
        folder
        for run in list_runs()
        for folder in (run.path / "measured", run.path / "memorization", run.path / "checkpoints")
        if folder.exists()
    ]
    return tuple(
        (str(path), path.stat().st_mtime_ns)
        for folder in folders
        for path in sorted(folder.iterdir())
    )
