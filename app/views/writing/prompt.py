"""Choice of the prompt: a shipped opening, the reader's own, or a request for a story."""

from collections.abc import Sequence

import streamlit as st

from app import cache
from app.state import WritingState
from app.terms import help_of
from app.widgets.selection import FIRST_WORDS, OWN
from slm.generation.fitting import FittedText, opening_that_fits, typed
from slm.runs import Checkpoint
from slm.stories.instruct import FEATURES, compose, request

REQUEST = "A request: features, words, a summary"


def choose(readers: Sequence[Checkpoint]) -> FittedText:
    """Choose how a story begins: a shipped opening that fits, the reader's own, or a request."""
    openings = cache.shipped_openings()
    chosen = st.selectbox(
        "Prompt", [*openings, OWN, REQUEST], **WritingState.opening.bound, help=help_of("prompt")
    )
    if chosen == REQUEST:
        return FittedText(text=_request())
    if chosen != OWN:
        return opening_that_fits(readers, str(chosen))
    written = (
        st.text_area(
            "Your prompt",
            FIRST_WORDS,
            **WritingState.prompt.bound,
            max_chars=2000,
            height=68,
        )
        or ""
    )
    return opening_that_fits(readers, written) if written == FIRST_WORDS else typed(written)


def _request() -> str:
    """Compose a request in the words of Instruct data; `BadInput` where nothing is asked for."""
    with st.popover("What it asks for"):
        features = st.multiselect("Features", FEATURES, ["Dialogue"], **WritingState.features.bound)
        words = st.text_input(
            "Words that must occur, with commas between",
            "dog, jump, happy",
            **WritingState.words.bound,
            max_chars=200,
        )
        summary = st.text_area(
            "Summary", "", **WritingState.summary.bound, max_chars=1000, height=80
        )
        sentence = st.text_input(
            "A sentence that must occur", "", **WritingState.sentence.bound, max_chars=400
        )
    return compose(request(features, words or "", summary or "", sentence or ""))
