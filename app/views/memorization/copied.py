"""A text with what is copied underlined, and the story that it comes from."""

import re
from collections.abc import Sequence

import streamlit as st

from app.widgets import show
from app.widgets.story_view import Shown, story_view
from slm.memorization.rouge import words
from slm.memorization.suffix_index import Copy, CopyIndex
from slm.text import visible

FULL = 60
"""Words of a copy that has the strongest colour."""


def underlined(text: str, copies: Sequence[Copy]) -> list[Shown]:
    """Cut a text into words, those of a copy marked with its length."""
    found, shown, at = words(text), [], 0
    lengths = {n: len(copy) for copy in copies for n in range(copy.start, copy.stop)}
    for match in re.finditer(r"\s*\S+", text):
        length = None
        while at < len(found) and found[at].start < match.end():
            length = lengths.get(at, length)
            at += 1
        shown.append(Shown(text=match[0], value=length, marked=length is not None))
    return shown


def copied_text(text: str, copies: Sequence[Copy], *, key: str) -> None:
    """Show a text with copies underlined; hovering tells their length."""
    if not text.strip():
        st.caption("(nothing)")
        return
    story_view(underlined(text, copies), key=key, label="words of this copy", full=FULL, small=True)


def sources(text: str, copies: Sequence[Copy], index: CopyIndex, *, key: str) -> None:
    """Show each copy with its story of the corpus, the longest first; one story in full when chosen."""
    if not copies:
        st.caption("No run of at least so many words stands in the corpus.")
        return
    found = words(text)
    by_length = sorted(copies, key=len, reverse=True)

    def name(number: int) -> str:
        copy = by_length[number]
        passage = text[found[copy.start].start : found[copy.stop - 1].stop]
        return f"{len(copy)} words, story {copy.story}: {visible(' '.join(passage.split()))}"

    chosen = st.selectbox(
        "Copied passages and their stories", range(len(by_length)), format_func=name, key=key
    )
    copy = by_length[chosen or 0]
    story = index.story(copy.story)
    passage, there = [w.text for w in found[copy.start : copy.stop]], words(story)
    first = next(
        (
            at
            for at in range(len(there) - len(passage) + 1)
            if [w.text for w in there[at : at + len(passage)]] == passage
        ),
        0,
    )
    st.caption(show.plain(f"Story {copy.story} of the corpus"))
    copied_text(
        story, [Copy(start=first, stop=first + len(passage), story=copy.story)], key=f"{key}-story"
    )
