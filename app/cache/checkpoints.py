"""Models in memory, and how what is computed from one is kept. Everything is keyed by addresses.

A checkpoint's file may be replaced under the same address (a run deleted and trained anew), so the
time of its last change is part of every key. Models are shared by all sessions and only ever read.
"""

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import streamlit as st

from slm.runs import Address, Checkpoint, load_checkpoint, resolve

P = ParamSpec("P")
R = TypeVar("R")


def checkpoint(address: str) -> Checkpoint:
    """Load the model at `address`, once for all sessions."""
    return _checkpoint(*key(address))


def of_checkpoint(
    *, max_entries: int, waiting: str
) -> Callable[[Callable[Concatenate[Checkpoint, P], R]], Callable[Concatenate[str, P], R]]:
    """Keep what a function of a checkpoint returns; callers give the checkpoint's address instead.

    `waiting` is what a page says meanwhile. Arguments must be hashable values, results picklable.
    """

    def keep(
        work: Callable[Concatenate[Checkpoint, P], R],
    ) -> Callable[Concatenate[str, P], R]:
        def compute(address: str, changed: int, *rest: Any, **named: Any) -> R:
            return work(_checkpoint(address, changed), *rest, **named)

        # Streamlit tells cached functions apart by these
        compute.__module__, compute.__qualname__ = work.__module__, work.__qualname__
        kept: Callable[..., R] = st.cache_data(max_entries=max_entries, show_spinner=waiting)(
            compute
        )

        def ask(address: str, *rest: P.args, **named: P.kwargs) -> R:
            return kept(*key(address), *rest, **named)

        ask.__doc__, ask.__name__ = work.__doc__, work.__name__
        return ask

    return keep


def key(address: str) -> tuple[str, int]:
    """Return a checkpoint's cache key: its full address, and when its file was changed."""
    run, step = resolve(address)
    return str(Address(run.name, step)), run.checkpoint_path(step).stat().st_mtime_ns


@st.cache_resource(max_entries=24, show_spinner="Loading the model …")
def _checkpoint(address: str, changed: int) -> Checkpoint:
    return load_checkpoint(address)
