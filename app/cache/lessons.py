"""Claims and answers of lessons on a model: worked out once for all sessions, in threads."""

from collections.abc import Generator

import streamlit as st

from app.cache.checkpoints import checkpoint, key
from app.jobs.work import Work
from slm.lessons.answers import GuessedAnswer, answer_of
from slm.lessons.claims import Checked, check
from slm.lessons.lesson import Guess
from slm.lessons.views import View
from slm.progress import Progress
from slm.runs import list_runs


def checked(address: str, claim: str) -> Work[Checked]:
    """Whether a claim holds for a model."""
    return _checked(*key(address), claim, _trained())


def answered(address: str, guess: Guess, view: View | None) -> Work[GuessedAnswer]:
    """The answer to a guess on a model."""
    return _answered(*key(address), repr((guess, view)), _trained(), guess, view)


def _trained() -> tuple[str, ...]:
    """The runs that have learned: some claims are about others than the one that is shown."""
    return tuple(run.name for run in list_runs() if run.last_step)


@st.cache_resource(max_entries=128, show_spinner=False)
def _checked(address: str, changed: int, claim: str, runs: tuple[str, ...]) -> Work[Checked]:
    def steps() -> Generator[Progress, None, Checked]:
        yield Progress(doing="measuring it on this model", share=None)
        return check(checkpoint(address), claim)

    return Work(steps())


@st.cache_resource(max_entries=128, show_spinner=False)
def _answered(
    address: str,
    changed: int,
    asked: str,
    runs: tuple[str, ...],
    _guess: Guess,
    _view: View | None,
) -> Work[GuessedAnswer]:
    def steps() -> Generator[Progress, None, GuessedAnswer]:
        yield Progress(doing="asking the model", share=None)
        return answer_of(checkpoint(address), _guess, _view)

    return Work(steps())
