"""A page that shows what it is given in each way the app has: run by Streamlit, not by pytest."""

import json
import os

import streamlit as st

from app.figures.predictions import bars
from app.theme import palette
from app.widgets import show
from app.widgets.story_view import Shown, story_view
from slm.errors import BadInput
from slm.text import in_html

TEXTS: list[str] = json.loads(os.environ["HOSTILE"])

for number, text in enumerate(TEXTS):
    with st.container(key=f"markdown-{number}"):
        st.markdown(show.plain(text))
    with st.container(key=f"bold-{number}"):
        st.markdown(f"**{show.plain(text)}** after")
    with st.container(key=f"caption-{number}"):
        st.caption(show.plain(text))
    with st.container(key=f"heading-{number}"):
        st.subheader(show.plain(text), anchor=False)
    with st.container(key=f"button-{number}"):
        st.button(show.plain(text), key=f"press-{number}")
    with st.container(key=f"error-{number}"), show.one_line():
        raise BadInput(f"no {text}")
    with st.container(key=f"progress-{number}"):
        st.progress(0.5, show.plain(text))
    with st.container(key=f"help-{number}"):
        show.save(f"{text}.csv", lambda: "")
    with st.container(key=f"label-{number}"):
        st.text_input(show.plain(text), key=f"field-{number}")
    with st.container(key=f"html-{number}"):
        st.html(f"<p>{in_html(text)}</p>")
with st.container(key="story"):
    story_view([Shown(text=text) for text in TEXTS], key="story-view", label="nothing")
ink = palette("light")
names = [text[:60] for text in TEXTS]
with st.container(key="bars"):
    figure = bars(names, [1.0] * len(names), ink, "logit, minus that of " + names[0])
    st.plotly_chart(figure.update_layout(height=60 * len(names)), theme=None)
