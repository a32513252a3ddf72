"""Which stories a page reads, and hence by which labels their words are known."""

import streamlit as st

from slm.stories.labelled import NURSERY

WITH_ROLES, SHIPPED, OWN = "nursery stories: roles", "shipped stories: word classes", "a corpus"


def corpus() -> str:
    """A source of stories, chosen once for all pages that ask; "" where none is named yet."""
    with st.container(horizontal=True, vertical_alignment="bottom", width="content"):
        chosen = st.selectbox(
            "Read", [WITH_ROLES, SHIPPED, OWN], key="read", bind="query-params", width=250,
            help="Nursery writes its stories and knows what each word is for. In any other story "
            "words are sorted into classes, such as pronouns or what ends in -ed.",
        )  # fmt: skip
        if chosen != OWN:
            return NURSERY if chosen == WITH_ROLES else "shipped"
        named = st.text_input(
            "Corpus", placeholder="a path, or tinystories", key="corpus", bind="query-params",
            help="A .txt with <|endoftext|> between stories, .jsonl, .parquet, or a known name.",
        ).strip()  # fmt: skip
    return named


def ask_for_one() -> None:
    """Say what is missing, and stop the page."""
    st.info(
        "Name a corpus: a file with stories, or tinystories. Its words are sorted into classes."
    )
    st.stop()
