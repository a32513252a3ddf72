"""What takes a while is computed in a thread, with its progress on the page and a way to stop it."""

from collections.abc import Callable, Generator
from typing import Any, TypeVar, cast

import streamlit as st

from app import show
from app.sweep import Sweep
from slm.errors import BadInput

T = TypeVar("T")
Key = tuple[str, str, Any]
"""What is done, for which model, and all that it depends on."""
KEPT = 8  # that a session remembers
QUICK = 0.4  # seconds: what is found so soon need not show that it is under way


def found(key: Key, work: Callable[[], Generator[float, None, T]], saying: str) -> T | None:
    """What the work finds; None while it goes on or after it was stopped, which the page then shows.

    One thing of a kind at a time for each model: what was under way for another question is
    stopped. Raises the work's own `BadInput`.
    """
    sweeps: dict[Key, Sweep[Any]] = st.session_state.setdefault("sweeps", {})
    if key not in sweeps:
        for old in [old for old in sweeps if old[:2] == key[:2] and sweeps[old].running]:
            sweeps.pop(old).cancel()
        sweeps[key] = Sweep(work)
        for old in list(sweeps)[:-KEPT]:
            sweeps.pop(old).cancel()
    sweep = sweeps[key]
    sweep.wait(QUICK)
    if sweep.error:
        raise BadInput(sweep.error)
    if sweep.result is None:
        st.fragment(_watch, run_every=0.5 if sweep.running else None)(key, sweep, saying)
    return cast("T | None", sweep.result)


def _watch(key: Key, sweep: Sweep[Any], saying: str) -> None:
    """How far it is."""
    name = "-".join(key[:2])
    if sweep.cancelled:
        st.info("You stopped it.")
        if st.button("Begin again", key=f"again-{name}"):
            st.session_state["sweeps"].pop(key, None)
            st.rerun()
        return
    left = sweep.seconds_left
    st.progress(sweep.done, saying + ("" if left is None else f" {show.duration(left)} left"))
    if st.button("Stop", key=f"stop-{name}"):
        sweep.cancel()
        st.rerun()
    if not sweep.running:
        st.rerun()
