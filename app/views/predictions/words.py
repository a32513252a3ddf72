"""Choice of the token that is asked about, and of its foil."""

from collections.abc import Sequence

import streamlit as st

from app.state import Linked, PredictionsState, Shared
from app.widgets import selection

AS_IT_STANDS, NO_FOIL = "the one that stands there", "by default"


def token_field() -> None:
    """Show the field of the token that is asked about."""
    selection.token_field(on_change=forget_words)


def set_token(position: int) -> None:
    """Choose a token (from a widget's callback), forgetting words asked about at another."""
    Shared.token.set(position)
    forget_words()


def forget_words() -> None:
    """Ask about the token that stands there."""
    for control, nothing in (
        (PredictionsState.word, AS_IT_STANDS),
        (PredictionsState.foil, NO_FOIL),
    ):
        if control.get() is not None:
            control.set(nothing)


def word(names: Sequence[str]) -> str | None:
    """Return another word to ask about than the one there, picked or written; None for that one."""
    chosen = st.selectbox(
        "Word asked about",
        _with_own(PredictionsState.word, AS_IT_STANDS, names),
        **PredictionsState.word.bound,
        accept_new_options=True,
        width=210,
        help="Pick one that was likely, or write another.",
    )
    return None if chosen in (None, AS_IT_STANDS) else chosen


def _with_own(control: Linked[str], first: str, names: Sequence[str]) -> list[str]:
    """Return the options, with what was written or stands in the link."""
    own = control.get() or control.in_link() or first
    return list(dict.fromkeys([first, *names, own]))


def foil(names: Sequence[str], help: str) -> str | None:
    """Return the foil: the token whose logit is subtracted; None where none was chosen."""
    chosen = st.selectbox(
        "Against",
        _with_own(PredictionsState.foil, NO_FOIL, names),
        **PredictionsState.foil.bound,
        accept_new_options=True,
        width=150,
        help=help,
    )
    return None if chosen in (None, NO_FOIL) else chosen
