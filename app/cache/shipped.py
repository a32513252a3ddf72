"""The texts that ship with the package."""

import streamlit as st

from slm.stories import shipped


@st.cache_data(max_entries=1)
def shipped_stories() -> dict[str, str]:
    """Map titles to texts of the shipped stories."""
    return {story.title: story.text for story in shipped.stories()}


@st.cache_data(max_entries=1)
def shipped_openings() -> tuple[str, ...]:
    """Return the shipped openings."""
    return shipped.openings()
