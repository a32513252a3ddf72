"""A study of a model's endings: the kept one, or a way to measure it; and what it says in a sentence."""

from functools import partial

import streamlit as st

from app.jobs import waiting
from app.widgets import show
from slm.generation.sampler import Sampling
from slm.memorization.kept import Texts, make_study, read_study, study_path
from slm.memorization.study import Study
from slm.memorization.templates import near_duplicates

NAMES = {
    "trained": "its endings of training stories",
    "unseen": "its endings of validation stories",
    "people": "people's endings of these",
}


def study_of(address: str, read: Texts, stories: int, sampling: Sampling) -> Study | None:
    """Return the kept study, or the one measured now; None until then."""
    if (kept := read_study(study_path(address, read, stories, sampling))) is not None:
        return kept
    work = partial(make_study, address, read, stories, sampling)
    name = f"study-{address}-{read.corpus_hash}-{read.unseen_hash}-{stories}-{sampling}"
    st.caption(
        f"Not measured yet: {stories} stories of the corpus and {stories} that the model never saw "
        "are cut at 40 %, it ends them, and people's endings are the baseline."
    )
    return waiting.when_asked(name, "Measure", work)


def headline(address: str, found: Study, *, templates_too: bool) -> None:
    """Say in a sentence whether it copies more where it was trained."""
    told = sum(near_duplicates(found.measures["trained"].templates))
    copied = f" Template copies: {told} of {len(found.endings['trained'])}."
    st.markdown(show.plain(f"{found.verdict()}{copied if templates_too else ''}"))
