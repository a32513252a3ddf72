"""Prefetching of the neighbouring checkpoints' results while this one is shown.

Only for pages whose first look at a checkpoint takes longer than a drag may, and only once somebody
walks through the steps. One thread for all sessions; what it finds lies in the caches of `app/cache`.
"""

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from app.jobs import PREFETCHING
from app.state import LETTERS, slot
from slm.errors import BadInput
from slm.runs import Address, open_run

_THREAD = ThreadPoolExecutor(max_workers=1, thread_name_prefix=PREFETCHING)
_ASKED: set[tuple[str, str]] = set()


def walking() -> bool:
    """Return whether somebody walks through the steps, and will not stay at this one for long."""
    return any(slot(letter).walked for letter in LETTERS)


def look(what: str, work: Callable[[str], object]) -> None:
    """Do `work`, called `what`, for the checkpoints after and before those that were walked to."""
    for letter in LETTERS:
        model = slot(letter)
        if model.address is None or not model.walked:
            continue
        chosen = Address.parse(model.address)
        steps = open_run(chosen.run).steps
        at = steps.index(chosen.step) if chosen.step in steps else 0
        for step in (*steps[at + 1 : at + 2], *steps[max(at - 1, 0) : at]):
            asked = (what, str(Address(chosen.run, step)))
            if asked not in _ASKED:
                _ASKED.add(asked)
                _THREAD.submit(_work, work, asked)


def _work(work: Callable[[str], object], asked: tuple[str, str]) -> None:
    with contextlib.suppress(BadInput, OSError):  # the page itself will say so
        work(asked[1])
    _ASKED.discard(asked)
