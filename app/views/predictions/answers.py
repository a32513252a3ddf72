"""Kept answers of each view about the token that the page opens on."""

from functools import partial

import numpy as np
import streamlit as st

from app import cache
from app.state import PredictionsState, Shared
from app.views.predictions.words import set_token
from app.widgets import models, show
from slm.errors import BadInput
from slm.generation.fitting import story_that_fits
from slm.overview.predictions import names_to_swap

PATCHING = "Activation patching"


def answers(address: str, story: str | None, text: str, position: int) -> None:
    """Show the views' kept answers about this token, each with a way there; nothing of another token."""
    overview = cache.overview(address)
    kept = overview.prediction if overview is not None else None
    if kept is None or (kept.ablated.story, kept.ablated.token) != (story, position):
        return
    one = kept.ablated
    st.markdown(
        f"**{show.plain(one.word.strip())}** (token {position}) hangs on one head more than any other "
        f"word of the shipped stories that {show.plain(address)} is sure of: without head "
        f"{one.layer}.{one.head} it says **{show.plain(one.instead.strip())}**."
    )
    begins = cache.next_token_predictions(address, text).begins
    names = names_to_swap(cache.checkpoint(address), text[: begins[position]])
    with st.container(key="answers", gap=None):
        for answer in kept.answers:
            swap = names if answer.view == PATCHING else None
            st.button(
                f"**{answer.view}**: {show.plain(answer.says)}",
                key=f"answer-{answer.view}",
                type="tertiary",
                on_click=partial(_open, answer.view, swap),
            )
        if names is None:
            _elsewhere(address)


def _open(view: str, swap: tuple[str, str] | None) -> None:
    """Open a view; of patching, with the names that the kept answer is about."""
    PredictionsState.view.set(view)
    if swap is not None:
        for control, name in zip(
            (PredictionsState.replace, PredictionsState.by), swap, strict=True
        ):
            control.set(name)
            control.into_link(name)  # a field that comes later does not


def _elsewhere(address: str) -> None:
    """Offer activation patching in the first shipped story with a name that can be another."""
    for title, whole in cache.shipped_stories().items():
        try:
            text = story_that_fits(models.readers(), whole).text
        except BadInput:  # a context too short for any story
            continue
        if (names := names_to_swap(cache.checkpoint(address), text)) is None:
            continue
        lost = cache.log_prob_drop(address, text, text.replace(*names))
        token = int(np.nanargmax(lost))
        st.button(
            f"**{PATCHING}** in “{title}”, where {names[0]} can be {names[1]}",
            key="answer-elsewhere",
            type="tertiary",
            on_click=partial(_ask_elsewhere, title, token, names),
            help="A story that has a name: opens at the token that the other name costs most.",
        )
        return


def _ask_elsewhere(title: str, token: int, names: tuple[str, str]) -> None:
    Shared.story.set(title)
    set_token(token)
    _open(PATCHING, names)
