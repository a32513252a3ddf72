"""Claims and answers of lessons on a model: worked out once for all sessions, in threads."""

from collections.abc import Generator

import streamlit as st

from app.cache.checkpoints import checkpoint, key
from app.jobs.work import Work
from slm.lessons.answers import Answer, answer_of
from slm.lessons.claims import Checked, check
from slm.lessons.lesson import Guess
from slm.lessons.views import View
from slm.progress import Progress


def checked(address: str, claim: str) -> Work[Checked]:
    """Whether a claim holds for a model."""
    work = _checked(*key(address), claim)
    if not work.running and (work.result is None or work.result.found is None):
        _checked.clear(*key(address), claim)  # what it lacked may be there now
        return _checked(*key(address), claim)
    return work


def answered(address: str, guess: Guess, view: View | None) -> Work[Answer]:
    """The answer to a guess on a model."""
    asked = (*key(address), repr((guess, view)))
    work = _answered(*asked, guess, view)
    if not work.running and work.result is None:
        _answered.clear(*asked, guess, view)
        return _answered(*asked, guess, view)
    return work


@st.cache_resource(max_entries=128, show_spinner=False)
def _checked(address: str, changed: int, claim: str) -> Work[Checked]:
    def steps() -> Generator[Progress, None, Checked]:
        yield Progress(doing="measuring it on this model", share=None)
        return check(checkpoint(address), claim)

    return Work(steps())


@st.cache_resource(max_entries=128, show_spinner=False)
def _answered(
    address: str, changed: int, asked: str, _guess: Guess, _view: View | None
) -> Work[Answer]:
    def steps() -> Generator[Progress, None, Answer]:
        yield Progress(doing="asking the model", share=None)
        return answer_of(checkpoint(address), _guess, _view)

    return Work(steps())
