"""The overview that is kept of a checkpoint, and the work that measures one where none is."""

from pathlib import Path

import streamlit as st

from app.cache.checkpoints import key
from app.cache.shared_work import shared_work
from slm.overview.across import RunCopying, positive_and_negative
from slm.overview.across import finds_across as finds_across_runs
from slm.overview.kept import OVERVIEW, kept_overview, steps_read
from slm.overview.measuring import measure_overview
from slm.overview.records import Find, Overview
from slm.progress import Steps
from slm.runs import list_runs, resolve


def overview(address: str) -> Overview | None:
    """Read a checkpoint's kept overview; None where none holds. Measures nothing."""
    run, step = resolve(address)
    files = [run.measured_path(OVERVIEW, step), *map(run.checkpoint_path, steps_read(run, step))]
    changed = tuple(map(_changed, files))
    return _overview(key(address)[0], changed) if changed[0] else None


@shared_work(models=1, max_entries=16)
def measuring_overview(address: str) -> Steps[Overview]:
    """Measure the overview of a checkpoint and keep it."""
    return measure_overview(address)


def finds_across() -> tuple[Find, ...]:
    """Collect the finds across runs; again where a run or an overview changed."""
    return _across(_overviews_changed())


def copying_and_not() -> tuple[RunCopying, RunCopying] | None:
    """Return the run that copies most and the one that copies least; None where there are not both."""
    return _copying_and_not(_overviews_changed())


def _overviews_changed() -> tuple[tuple[str, int], ...]:
    """Return when each run and the overview of its last step were written."""
    runs = list_runs()
    files = [run.measured_path(OVERVIEW, run.last_step or 0) for run in runs]
    files += [run.path / "run.json" for run in runs]
    return tuple((str(path), _changed(path)) for path in files)


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


@st.cache_resource(max_entries=4, show_spinner=False)
def _across(changed: tuple[tuple[str, int], ...]) -> tuple[Find, ...]:
    return finds_across_runs(list_runs())


@st.cache_resource(max_entries=4, show_spinner=False)
def _copying_and_not(changed: tuple[tuple[str, int], ...]) -> tuple[RunCopying, RunCopying] | None:
    return positive_and_negative(list_runs())


@st.cache_resource(max_entries=32, show_spinner=False)
def _overview(address: str, changed: tuple[int, ...]) -> Overview | None:
    return kept_overview(address)
