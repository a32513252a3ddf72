"""A lesson step by step: words, a live view, a guess, a claim or a run; next and back by the keys."""

from pathlib import Path

import streamlit as st

from app import cache
from app.jobs import waiting
from app.state import LessonsState
from app.text import complaint
from app.views.lessons import guesses, state, words
from app.views.lessons.drawing import draw
from app.widgets import models, show
from slm.errors import BadInput
from slm.lessons.claims import CLAIMS, Checked
from slm.lessons.lesson import Lesson, Step
from slm.lessons.reading import shown_on
from slm.lessons.sheet import sheet
from slm.lessons.works import WORKS

STYLE = Path(__file__).with_name("lessons.css")
AHEAD = 3
"""Steps whose claims and answers are worked out while this one is read."""


def show_lesson(lesson: Lesson) -> None:
    """Show the step that the link asks for."""
    at = state.step_of(lesson)
    step = lesson.steps[at]
    state.remember(lesson, at)
    chosen = models.addresses()[0]
    address = shown_on(step, chosen)
    _begin_ahead(lesson, at, chosen)
    with st.container(key="lesson-presented" if state.presenting() else "lesson-step"):
        st.progress((at + 1) / len(lesson.steps), f"Step {at + 1} of {len(lesson.steps)}")
        words.say(step.words)
        if address != chosen:
            st.caption(show.plain(f"This step is shown on {address}."))
        with show.one_line():
            _act(lesson, at, address)
        if step.view is not None and not (step.guess is not None and step.guess.token):
            _view(step, address)
        if at + 1 == len(lesson.steps):
            _last(lesson)
        if state.presenting() and step.note:
            st.info(show.plain(step.note), icon=":material/school:")
    _move(lesson, at)
    _foot(lesson)


def _act(lesson: Lesson, at: int, address: str) -> None:
    """Do what a step does besides its words and its view."""
    step = lesson.steps[at]
    if step.kind == "guess":
        guesses.ask(lesson, at, address)
    elif step.kind == "reveal":
        guesses.tell(lesson, at, address)
    elif step.kind == "claim":
        if at and lesson.steps[at - 1].guess is not None:
            guesses.tell(lesson, at, address)
        _claim(step.claim, address)
    elif step.kind == "run":
        waiting.when_asked(f"lessons-run-{step.run}", "Begin", WORKS[step.run])


def _view(step: Step, address: str) -> None:
    """Show the step's view, and the link to its page."""
    assert step.view is not None
    link: dict[str, str] = {}
    try:
        link = draw(step.view, address)
    except BadInput as error:  # this model can't show it
        st.info(complaint(error))
    page = {"grid": "grid", "import": "imports"}.get(step.view.page, step.view.page)
    st.page_link(
        f"../pages/{page}.py",
        label="Open this on its own page",
        icon=":material/open_in_full:",
        query_params={"a": address} | link,
    )


def _claim(name: str, address: str) -> None:
    """Show whether a claim holds for the shown model, and how that was measured."""
    found = waiting.result(cache.checked(address, name), f"lessons-claim-{name}")
    if found is not None:
        verdict(found)


def verdict(found: Checked) -> None:
    """Show the verdict in a sentence, with the numbers that it rests on."""
    box = {"holds": st.success, "does not hold": st.warning, "not measured": st.info}[found.verdict]
    box(f"## {show.sentence(found.sentence)}")
    if found.before:
        st.markdown(f"**{show.sentence(found.before)}**")
    about = CLAIMS[found.claim]
    with st.expander("How it was measured"):
        st.markdown(
            "\n".join(
                f"- **{name}**: {show.plain(said)}"
                for name, said in (
                    ("Measured", about.measured),
                    ("Control", about.control),
                    ("It holds from", about.holds_from),
                )
            )
        )


def _begin_ahead(lesson: Lesson, at: int, address: str) -> None:
    """Begin to work out what this step and the next few will tell."""
    for step in lesson.steps[at : at + AHEAD + 1]:
        if step.claim:
            cache.checked(shown_on(step, address), step.claim)
        if step.guess is not None:
            cache.answered(shown_on(step, address), step.guess, step.view)


def _last(lesson: Lesson) -> None:
    """Show what to try alone, the page that does it, and where it was first seen."""
    if lesson.alone:
        st.markdown(f"**Try alone.** {words.markdown(lesson.alone)}")
    if lesson.page:
        st.page_link(f"../pages/{lesson.page}.py", icon=":material/arrow_forward:")
    if lesson.first_seen:
        st.caption(show.plain(f"First seen: {lesson.first_seen}."))


def _move(lesson: Lesson, at: int) -> None:
    """Show back and next, with the arrow keys unless a number's field needs them."""
    last = at + 1 == len(lesson.steps)
    with st.container(horizontal=True, key="lesson-moves"):
        st.button(
            "Back",
            key="lessons-back",
            shortcut="Left",
            disabled=at == 0,
            on_click=state.go,
            args=(lesson.name, at - 1),
        )
        st.button(
            "All lessons" if last else "Next",
            key="lessons-next",
            type="primary",
            shortcut="Right",
            on_click=state.leave if last else state.go,
            args=() if last else (lesson.name, at + 1),
        )


def _foot(lesson: Lesson) -> None:
    """Show the presenter's switch, the sheet to print, and the way out."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.toggle(
            "Presenter",
            **LessonsState.presenter.bound,
            help="Large type for the last row, and a note for the teacher.",
        )
        st.download_button(
            "Sheet to print",
            lambda: sheet(lesson),
            file_name=f"{lesson.name}.html",
            mime="text/html",
            key="lessons-sheet",
            type="tertiary",
            on_click="ignore",
            help="The questions without the answers, as one HTML file.",
        )
        st.button("All lessons", key="lessons-leave", type="tertiary", on_click=state.leave)


def missing(name: str, error: BadInput) -> None:
    """Say that there is no such lesson."""
    st.warning(show.sentence(str(error)))
