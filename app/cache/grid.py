"""Cached grades over training, read again when a grade was added."""

import streamlit as st

from slm.grading import history
from slm.grading.findings import PaperFinding
from slm.grading.findings import findings as check_findings
from slm.grading.history import GradedCheckpoint
from slm.runs import list_runs


def story_judges() -> list[str]:
    """List everybody who graded a story."""
    return _judges(_changed())


def graded_checkpoints(runs: tuple[str, ...], judge: str) -> dict[str, list[GradedCheckpoint]]:
    """Return the checkpoints that a judge graded, by run; runs without any are left out."""
    return _graded(runs, judge, _changed())


def findings(runs: tuple[str, ...], judge: str) -> list[PaperFinding]:
    """Check the paper's findings on what a judge graded of these runs."""
    return _findings(runs, judge, _changed())


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


@st.cache_data(max_entries=16, show_spinner="Checking the paper's findings …")
def _findings(runs: tuple[str, ...], judge: str, changed: tuple[int, ...]) -> list[PaperFinding]:
    return check_findings([one for each in _graded(runs, judge, changed).values() for one in each])
