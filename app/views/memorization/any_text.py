"""Copies in whatever the reader writes."""

from functools import partial

import streamlit as st

from app import cache
from app.jobs import waiting
from app.state import MemorizationState
from app.views.memorization.copied import copied_text, sources
from slm.memorization.kept import Texts, indexed
from slm.memorization.rouge import words
from slm.memorization.suffix_index import copies
from slm.memorization.templates import most_alike


def any_text(read: Texts) -> None:
    """Show copies in the reader's own text."""
    text = (
        st.text_area(
            "Any text",
            cache.shipped_stories()[next(iter(cache.shipped_stories()))],
            **MemorizationState.text.bound,
            max_chars=4000,
            height=160,
        )
        or ""
    )
    shortest = st.number_input(
        "Underline copies of at least so many words",
        2,
        50,
        5,
        **MemorizationState.shortest.bound,
        width=300,
    )
    index, masked = cache.copy_index(read), cache.copy_index(read, masked=True)
    if index is None or masked is None:
        st.caption(
            "The corpus is not indexed yet: it is read once, and then any text is looked up."
        )
        if index is None:
            index = waiting.when_asked(
                f"index-{read.corpus_hash}", "Index the corpus", partial(indexed, read.corpus)
            )
        elif waiting.when_asked(
            f"masked-{read.corpus_hash}",
            "Index it with names masked",
            partial(indexed, read.corpus, masked=True),
        ):
            st.rerun()
    if index is None:
        return
    own = [word.text for word in words(text)]
    found = copies(index.matches(own), int(shortest))
    covered = len({place for copy in found for place in range(copy.start, copy.stop)})
    copied_text(text, found, key="any-text")
    st.caption(f"{len(found)} copies, {covered} of {len(own)} words.")
    sources(text, found, index, key="any-sources")
    if masked is not None and (alike := most_alike(text, masked)) is not None:
        st.caption(
            f"Most alike with names and places masked: story {alike.story}, {alike.masked:.2f} of its "
            f"runs of four words ({alike.plain:.2f} as they are): {alike.kind or 'no copy'}."
        )
