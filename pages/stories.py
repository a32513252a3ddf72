"""What is the model fed?"""

import streamlit as st

from app.views.stories import links
from app.views.stories.choosing import chosen_corpus
from app.views.stories.counting import counting, headline
from app.views.stories.dropping import dropping
from app.views.stories.losing import losing
from app.views.stories.reading import reading
from app.views.stories.searching import searching
from app.widgets import show

VIEWS = {
    "Read": reading,
    "Search": searching,
    "Statistics": counting,
    "Cleaning": dropping,
    "Loss": losing,
}

links.follow()
st.title("What is the model fed?", anchor=False)
with show.one_line():
    chosen, view = chosen_corpus(list(VIEWS))
    if chosen is not None:
        headline(chosen)
        VIEWS[view](chosen)
