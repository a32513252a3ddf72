"""Panels of work under way: progress, cancel, and why it failed."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import streamlit as st

from app.jobs.work import Work
from app.state import Shared
from app.widgets import show
from slm.progress import Steps

R = TypeVar("R")
QUICK = 0.4  # seconds: what is found so soon need not show that it is under way
KEPT = 8  # works of `latest` that a session remembers


def under_way(works: Mapping[str, Work[Any]], key: str, *, pausable: bool = False) -> bool:
    """Show the progress of the works under way, with a way to cancel; return whether any goes on.

    With `pausable` there is a way to hold them, too.
    """
    for work in works.values():
        work.wait(QUICK)
    if going := any(work.running for work in works.values()):
        st.fragment(_bars, run_every=0.5)(works, key, pausable)
    return going


def _bars(works: Mapping[str, Work[Any]], key: str, pausable: bool) -> None:
    running = {name: work for name, work in works.items() if work.running}
    if not running:
        st.rerun()
    for name, work in running.items():
        left = work.seconds_left
        told = f"{name}: {work.progress.doing}" if name else work.progress.doing
        told += "" if left is None else f", about {show.duration(left)} left"
        told += ", paused" if work.paused else ""
        if work.progress.share is None:
            st.markdown(show.sentence(told))
        else:
            st.progress(min(work.progress.share, 1.0), show.sentence(told))

    stopping = all(work.cancelled for work in running.values())
    with st.container(horizontal=True):
        if pausable:
            paused = all(work.paused for work in running.values())
            st.button(
                "Go on" if paused else "Pause",
                key=f"pause-{key}",
                on_click=_each,
                args=(running.values(), Work.go_on if paused else Work.pause),
                disabled=stopping,
            )
        st.button(
            "Cancel",
            key=f"cancel-{key}",
            on_click=_each,
            args=(running.values(), Work.cancel),
            disabled=stopping,
        )


def _each(works: Iterable[Work[Any]], told: Callable[[Work[Any]], None]) -> None:
    for work in works:
        told(work)


def say_why(work: Work[Any], kept: str = "") -> None:
    """Say why work that has ended brought nothing; `kept` says what is kept of it."""
    if work.error:
        st.error(show.sentence(f"{work.error}. {kept}" if kept else work.error))
    elif work.cancelled and work.result is None:
        st.info(f"Cancelled. {kept}".strip())


def ended(work: Work[Any], key: str) -> None:
    """Say why there is no result, with a button to begin again."""
    say_why(work)
    if work.restart is not None and st.button("Begin again", key=f"again-{key}"):
        work.restart()
        st.rerun()


def result(work: Work[R], key: str) -> R | None:
    """Return the work's result; None while it goes on or where it failed, which is then shown."""
    if under_way({"": work}, key):
        return None
    if work.result is None:
        ended(work, key)
    return work.result


def when_asked(key: str, label: str, steps: Callable[[], Steps[R]]) -> R | None:
    """Return the result of work begun by a button of this label; None until then."""

    works = Shared.works.at_first({})

    def begin() -> None:
        works[key] = Work(steps(), restart=begin)

    work: Work[R] | None = works.get(key)
    if work is None:
        st.button(label, type="primary", key=f"begin-{key}", on_click=begin)
        return None
    return result(work, key)


def latest(kind: str, address: str, asked: object, steps: Callable[[], Steps[R]]) -> R | None:
    """Return the result of work that begins at once; a later question of its kind cancels it.

    What was under way for another question is cancelled; the last few answers are remembered.
    """
    works = Shared.latest.at_first({})
    key = kind, address, asked
    if key not in works:
        for old in [old for old in works if old[:2] == key[:2] and works[old].running]:
            works.pop(old).cancel()
        works[key] = Work(steps(), restart=lambda: works.pop(key))
        for old in list(works)[:-KEPT]:
            works.pop(old).cancel()
    work: Work[R] = works[key]
    return result(work, f"{kind}-{address}")
