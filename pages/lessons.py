"""What would you like to find out?"""

import streamlit as st

from app.views.lessons import state
from app.views.lessons.catalogue import catalogue
from app.views.lessons.steps import STYLE, missing, show_lesson
from app.widgets import show
from slm.errors import BadInput
from slm.lessons.lesson import Lesson
from slm.lessons.reading import lesson, lessons


def asked_for() -> Lesson | None:
    """The lesson that the link names; None where it names none, or one that is not there."""
    name = state.asked_for()
    if not name:
        return None
    try:
        return lesson(name)
    except BadInput as error:
        missing(name, error)
        return None


st.html(STYLE)
chosen = asked_for()
st.title(
    show.plain(chosen.question) if chosen else "What would you like to find out?", anchor=False
)
if chosen is None:
    catalogue(lessons())
else:
    show_lesson(chosen)
