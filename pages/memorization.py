"""Does the model copy its training text?"""

import streamlit as st

from app import commands
from app.state import MemorizationState
from app.terms import help_of
from app.views.memorization.any_text import any_text
from app.views.memorization.choosing import corpus
from app.views.memorization.copying_and_not import copying_and_not
from app.views.memorization.endings import endings
from app.views.memorization.measures import PLOTTED, measured
from app.views.memorization.novelty import STEP, TEMPERATURE, new
from app.views.memorization.study import headline, study_of
from app.views.memorization.templates import templates
from app.widgets import models, show
from slm.generation.sampler import Sampling
from slm.memorization.measures import KS
from slm.memorization.study import ENOUGH

ENDINGS, MEASURES, TEMPLATES, NEW, ANY = (
    "endings",
    "measures",
    "templates",
    "novelty",
    "any text",
)


st.title("Does the model copy its training text?", anchor=False)
addresses = models.addresses()
opening, measured_here = st.container(), False
with show.one_line():
    read = corpus(addresses)
    if read is not None:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            view = st.segmented_control(
                "Show",
                [ENDINGS, MEASURES, TEMPLATES, NEW, ANY],
                default=ENDINGS,
                required=True,
                **MemorizationState.view.bound,
            )
            if view != ANY:
                stories = st.number_input(
                    "Stories of each kind",
                    2,
                    2000,
                    ENOUGH,
                    **MemorizationState.stories.bound,
                    width=150,
                    help=f"{ENOUGH} see a difference of about 0.01 in the share of the true ending, "
                    "100 one of 0.02.",
                )
                heat = st.number_input(
                    "Temperature",
                    0.0,
                    2.0,
                    1.0,
                    0.1,
                    **MemorizationState.temperature.bound,
                    width=130,
                    help=help_of("temperature"),
                )
                sampling = Sampling(temperature=heat)
            if view == MEASURES:
                which = st.selectbox(
                    "Measure", list(PLOTTED), **MemorizationState.measure.bound, width=400
                )
            if view == NEW:
                against = (
                    st.segmented_control(
                        "Novelty",
                        [TEMPERATURE, STEP],
                        default=TEMPERATURE,
                        required=True,
                        **MemorizationState.against.bound,
                    )
                    or TEMPERATURE
                )
            if view in (MEASURES, NEW):
                k = st.select_slider(
                    "k, words in a row",
                    KS,
                    4 if view == NEW else 2,
                    **MemorizationState.k.of(view).bound,
                    width=180,
                )
        if view == ANY:
            any_text(read)
            measured_here = True
        else:
            for column, address in models.columns():
                with column, show.one_line():
                    if view == NEW:
                        measured_here |= new(address, read, int(stories), against, k, sampling)
                        continue
                    study = study_of(address, read, int(stories), sampling)
                    if study is None:
                        continue
                    measured_here = True
                    headline(address, study, templates_too=view != TEMPLATES)
                    if view == ENDINGS:
                        endings(address, study, read)
                    elif view == MEASURES:
                        command = commands.memorize(
                            address, read.corpus, read.unseen, int(stories), sampling
                        )
                        measured(
                            address, read.corpus, study, which or next(iter(PLOTTED)), k, command
                        )
                    else:
                        templates(address, study, read)
with st.expander("What copying looks like") if measured_here else opening, show.one_line():
    copying_and_not()
