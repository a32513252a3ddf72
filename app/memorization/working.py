"""Work that takes long, with how far it has come, when it may end, and a way to stop it."""

from collections.abc import Callable, Generator
from typing import TypeVar

import streamlit as st

from app import show
from app.background import Background
from slm.judging.progress import Progress

R = TypeVar("R")


def wanted(key: str, label: str, work: Callable[[], Generator[Progress, None, R]]) -> R | None:
    """What `work` returns, once it was begun by its button and has ended; None until then."""
    job: Background[R] | None = st.session_state.get(key)
    if job is None:
        if st.button(label, type="primary", key=f"begin-{key}"):
            st.session_state[key] = Background(work())
            st.rerun()  # so that the button is gone while the work runs
        return None
    if job.running:
        st.fragment(_progress, run_every=0.5)(key)
        return None
    if job.result is not None:
        return job.result
    del st.session_state[key]
    if job.error:
        st.error(show.sentence(job.error))
    else:
        st.info("Stopped.")
    st.button("Again", key=f"again-{key}")
    return None


def _progress(key: str) -> None:
    job: Background[object] | None = st.session_state.get(key)
    if job is None or not job.running:
        st.rerun()
    left = job.seconds_left
    when = "" if left is None else f", about {show.duration(left)} left"
    st.progress(min(1.0, job.progress.share), f"{show.plain(job.progress.doing)} …{when}")
    if st.button("Cancel", key=f"cancel-{key}", disabled=job.cancelled):
        job.cancel()
