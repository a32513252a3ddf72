"""State of a lesson: its step in the link (`?lesson=…&step=…`), and what was guessed."""

import contextlib

import streamlit as st

from app.state import LessonsState
from app.widgets import models
from slm.errors import BadInput
from slm.lessons.answers import GuessedAnswer
from slm.lessons.lesson import Lesson
from slm.lessons.reading import lesson as lesson_called
from slm.lessons.reading import run_for
from slm.runs import DEFAULT_RUN, Address


def asked_for() -> str:
    """Return the lesson that the link asks for; empty for the catalogue."""
    return LessonsState.lesson.in_link()


def step_of(lesson: Lesson) -> int:
    """Return the step that the link asks for, from 0; the nearest there is."""
    asked = LessonsState.step.in_link() or "1"
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 1
    return min(max(number, 1), len(lesson.steps)) - 1


def go(lesson: str, step: int) -> None:
    """Go to a step (from a widget's callback)."""
    LessonsState.lesson.into_link(lesson)
    LessonsState.step.into_link(str(step + 1))


def begin(lesson: Lesson) -> None:
    """Begin a lesson on the run that it is made for (from a widget's callback)."""
    with contextlib.suppress(BadInput):  # there is no run, which the page says
        models.put("a", run_for(lesson))
    go(lesson.name, 0)


def leave() -> None:
    """Go back to the catalogue (from a widget's callback)."""
    LessonsState.at.pop()
    LessonsState.lesson.into_link("")
    LessonsState.step.into_link("")


def run_of_link() -> str:
    """Return the run shown first: that of the lesson in the link, else the default."""
    if not (name := asked_for()):
        return DEFAULT_RUN
    try:
        return Address.parse(run_for(lesson_called(name))).run
    except BadInput:
        return DEFAULT_RUN


def presenting() -> bool:
    """Return whether the presenter's view is on; before its switch was shown, what the link says."""
    chosen = LessonsState.presenter.get()
    return LessonsState.presenter.in_link() == "true" if chosen is None else chosen


def guessed(lesson: Lesson, step: int) -> GuessedAnswer | None:
    """Return what the reader guessed at a step; None where nothing."""
    return LessonsState.guesses.at_first({}).get((lesson.name, step))


def guess(lesson: Lesson, step: int, answer: GuessedAnswer) -> None:
    """Note a guess (from a widget's callback)."""
    LessonsState.guesses.at_first({})[lesson.name, step] = answer


def remember(lesson: Lesson, step: int) -> None:
    """Note where the reader stands, for the way back from another page."""
    LessonsState.at.set((lesson.name, step, lesson.question))


def way_back() -> None:
    """Offer the way back to the step, on top of every other page."""
    if (at := LessonsState.at.get()) and not asked_for():
        name, step, _ = at
        st.page_link(
            "../pages/lessons.py",
            label=f"Back to the lesson, step {step + 1}",
            icon=":material/undo:",
            query_params={"lesson": name, "step": str(step + 1)},
        )
