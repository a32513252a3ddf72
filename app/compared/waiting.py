"""Work that a view waits for: how far it is, a way to end it, and what went wrong."""

from typing import Any

import streamlit as st

from app import cache, show
from app.scoring import Work

WAIT = 0.4  # seconds until a bar is shown


def finished(work: Work[Any], what: str) -> bool:
    """Whether there is a result; where there is none yet, how far it is and a way to end it."""
    work.wait(WAIT)
    if work.running:
        st.fragment(progress, run_every=0.5)(work, what)
        return False
    if work.result is not None:
        return True
    st.error(show.sentence(work.error)) if work.error else st.info("Cancelled.")
    if st.button("Begin again", key=f"again-{what}"):
        cache.compare_again()
        st.rerun()
    return False


def progress(work: Work[Any], what: str) -> None:
    """How far the work has come."""
    if not work.running:
        st.rerun()
    left = work.seconds_left
    told = "" if left is None else f", about {show.duration(left)} left"
    st.progress(min(work.share, 1.0), show.plain(f"{work.doing}{told}"))
    if st.button("Cancel", key=f"cancel-{what}"):
        work.cancel()
