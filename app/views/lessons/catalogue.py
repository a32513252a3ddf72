"""Every lesson as a card: its question, how long it takes, and what it is about."""

import streamlit as st

from app.views.lessons import state, words
from app.widgets import show
from slm.lessons.lesson import Lesson
from slm.lessons.reading import LessonFiles, own_folder

COLUMNS = 3


def catalogue(found: LessonFiles) -> None:
    """Show the lessons as cards, three in a row, and a line for each file that can't be read."""
    for line in found.complaints:
        st.warning(show.sentence(line))
    for first in range(0, len(found.lessons), COLUMNS):
        row = found.lessons[first : first + COLUMNS]
        for place, lesson in zip(st.columns(COLUMNS), row, strict=False):
            with place.container(border=True, height="stretch"):
                _card(lesson)
    with st.expander("Write a lesson of your own"):
        st.markdown(
            show.plain(
                f"A lesson is one YAML file in {own_folder()} (or in the folder that SLM_LESSONS names). "
                "Copy one of ours, change its words, and it stands here. slm lessons check tells what is "
                "wrong with a file, and whether its claims hold."
            )
        )


def _card(lesson: Lesson) -> None:
    st.markdown(f"**{show.plain(lesson.question)}**")
    st.caption(f"{lesson.minutes} minutes. {words.markdown(lesson.about)}")
    st.button(
        "Begin",
        key=f"lessons-begin-{lesson.name}",
        on_click=state.begin,
        args=(lesson,),
        help=f"{show.plain(lesson.question)}",
    )
