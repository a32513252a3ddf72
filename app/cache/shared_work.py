"""Work shared by all sessions: the same question gets the same `Work`, which may be restarted."""

import threading
from collections.abc import Callable
from functools import partial, update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar

import streamlit as st

from app.cache.checkpoints import key
from app.jobs.work import Work
from slm.progress import Steps

P = ParamSpec("P")
R = TypeVar("R")


class SharedWork(Generic[P, R]):
    """A function that returns the `Work` of its arguments, one for all sessions. See `shared_work`."""

    def __init__(
        self,
        steps: Callable[P, Steps[R]],
        *,
        models: int,
        also: Callable[..., object],
        max_entries: int,
        begin: bool,
    ) -> None:
        begun: Callable[..., Steps[R]] = steps
        restart: Callable[..., object] = self.restart

        def make(identity: str, _arguments: tuple[Any, ...]) -> Work[R]:
            return Work(begun(*_arguments), begin=begin, restart=partial(restart, *_arguments))

        # Streamlit tells cached functions apart by these
        make.__module__, make.__qualname__ = steps.__module__, steps.__qualname__
        self._kept = st.cache_resource(max_entries=max_entries, show_spinner=False)(make)
        self._models, self._also = models, also
        self._restarting = threading.Lock()
        update_wrapper(self, steps)

    def __call__(self, *arguments: P.args, **named: P.kwargs) -> Work[R]:
        """Return the work of these arguments; it is made where there is none yet."""
        return self._kept(*self._key(*arguments, **named))

    def restart(self, *arguments: P.args, **named: P.kwargs) -> Work[R]:
        """Forget the work of these arguments and begin it anew, unless it goes on; others' is left."""
        with self._restarting:  # two who press at once get the same work
            work = self(*arguments, **named)
            if not work.running:
                self._kept.clear(*self._key(*arguments, **named))
                work = self(*arguments, **named)
            work.begin()
        return work

    def _key(self, *arguments: Any, **named: Any) -> tuple[str, tuple[Any, ...]]:
        assert not named, "arguments of shared work are given by position"
        changed = [key(address) for address in arguments[: self._models]]
        full = (*(address for address, _ in changed), *arguments[self._models :])
        return repr((changed, full, self._also(*full))), full


def shared_work(
    *,
    models: int,
    max_entries: int,
    also: Callable[..., object] = lambda *arguments: None,
    begin: bool = True,
) -> Callable[[Callable[P, Steps[R]]], SharedWork[P, R]]:
    """Let all sessions share the `Work` that a function's steps make, begun when it is first asked for.

    The first `models` arguments are addresses of checkpoints: the function gets them in full, and
    other weights under the same address are other work, and so it is where `also`, called with the
    arguments, returns something else. Arguments are told apart by their `repr`. With `begin` False
    the work waits for `begin()` or `restart`.
    """

    def share(steps: Callable[P, Steps[R]]) -> SharedWork[P, R]:
        return SharedWork(steps, models=models, also=also, max_entries=max_entries, begin=begin)

    return share
