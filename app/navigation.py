"""The frame of every page: page config, navigation, the sidebar with models A and B."""

from pathlib import Path

import streamlit as st

from app import state
from app.views.lessons import state as lesson
from app.widgets import models, opening, scrubber, show

st.set_page_config(page_title="Storyscope", layout="wide", initial_sidebar_state=250)
st.html(Path(__file__).with_name("main.css"))

page = st.navigation(
    {
        "Start": [
            st.Page("../pages/home.py", title="Home", default=True),
            st.Page("../pages/lessons.py", title="Lessons", url_path="lessons"),
            st.Page("../pages/glossary.py", title="Glossary", url_path="glossary"),
        ],
        "Learn": [
            st.Page("../pages/stories.py", title="Stories", url_path="stories"),
            st.Page("../pages/train.py", title="Train", url_path="train"),
            st.Page("../pages/compare.py", title="Compare", url_path="compare"),
            st.Page("../pages/imports.py", title="Import", url_path="import"),
            st.Page("../pages/grid.py", title="Width and depth", url_path="grid"),
        ],
        "Look inside": [
            st.Page("../pages/attention.py", title="Attention", url_path="attention"),
            st.Page("../pages/heads.py", title="Heads", url_path="heads"),
            st.Page("../pages/neurons.py", title="Neurons", url_path="neurons"),
            st.Page("../pages/roles.py", title="Roles", url_path="roles"),
            st.Page("../pages/predictions.py", title="Predictions", url_path="predictions"),
        ],
        "Read and judge": [
            st.Page("../pages/writing.py", title="Writing", url_path="writing"),
            st.Page("../pages/grading.py", title="Grading", url_path="grading"),
            st.Page("../pages/knowledge.py", title="Knowledge", url_path="knowledge"),
            st.Page("../pages/memorization.py", title="Memorization", url_path="memorization"),
        ],
    },
    expanded=True,
)
state.adopt_link(page)
with show.one_line():
    lesson.way_back()
    beside = opening.before_something_learnt if page.url_path == "compare" else None
    models.sidebar(lesson.run_of_link(), beside)
    models.notices()
    page.run()
    scrubber.rest()
