"""The overview that is kept of a checkpoint, and the work that measures one where none is."""

import streamlit as st

from app.cache.checkpoints import key
from app.jobs.work import Work
from slm.overview.kept import OVERVIEW, kept_overview, steps_read
from slm.overview.measuring import measure_overview
from slm.overview.records import Overview
from slm.runs import resolve


def overview(address: str) -> Overview | None:
    """The overview of a checkpoint; None where none is kept that still holds. Takes no measurement."""
    run, step = resolve(address)
    files = [run.measured_path(OVERVIEW, step), *map(run.checkpoint_path, steps_read(run, step))]
    changed = tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in files)
    return _overview(key(address)[0], changed) if changed[0] else None


def measuring_overview(address: str) -> Work[Overview]:
    """Measure the overview of a checkpoint and keep it; begun when it is first asked for."""
    return _measuring(*key(address))


def measure_overview_again(address: str) -> None:
    """Forget such work where it was cancelled or failed, so that it begins anew when asked for."""
    _measuring.clear(*key(address))


@st.cache_resource(max_entries=32, show_spinner=False)
def _overview(address: str, changed: tuple[int, ...]) -> Overview | None:
    return kept_overview(address)


@st.cache_resource(max_entries=16, show_spinner=False)
def _measuring(address: str, changed: int) -> Work[Overview]:
    return Work(measure_overview(address))
