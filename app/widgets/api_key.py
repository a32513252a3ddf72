"""The field for a judge's key, on every page that asks a judge."""

import streamlit as st

from app.state import Shared
from slm.errors import BadInput
from slm.llm.judge import NO_KEY
from slm.llm.keys import found_key


def key_field(base_url: str) -> str:
    """Return the typed key, or this machine's, which goes to no server that is typed in.

    It is read with every character, for Streamlit overlooks a password left by the Tab key, which
    goes to the eye within the field. No run of the page follows from it.
    """
    own = "" if base_url else found_key()
    typed = st.text_input(
        "Key",
        key=Shared.secret.key,  # so that it stays the same field whatever its placeholder says
        type="password",
        autocomplete="off",
        on_change="ignore",
        live="0ms",
        placeholder="the one of this machine" if own else "none" if base_url else "",
        help="Kept in this session's memory, never written down and never in the link. The key of "
        "this machine (OPENAI_API_KEY, or the secrets file) is sent to no server that is typed in.",
    )
    return typed.strip() or own


def given(key: str, base_url: str) -> str:
    """Return a judge's client settings; raises `BadInput` without a key where there must be one."""
    if not key and not base_url:
        raise BadInput("no key was given: type one in, or set OPENAI_API_KEY")
    return key or NO_KEY
