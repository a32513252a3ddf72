"""The endings most like one story of the corpus, names and places masked."""

import streamlit as st

from app import cache
from app.state import MemorizationState
from app.views.memorization.copied import copied_text
from app.views.memorization.study import NAMES
from app.widgets import models, show
from slm.memorization.kept import Texts
from slm.memorization.study import Study
from slm.memorization.templates import near_duplicates


def templates(address: str, found: Study, read: Texts) -> None:
    """Show the endings most similar to one corpus story, names and places masked, beside that story."""
    counts = {
        kind: (sum(near_duplicates(measures.templates)), len(measures.templates))
        for kind, measures in found.measures.items()
    }
    st.markdown(
        "Template copies: "
        + "; ".join(f"{told} of {all_} among {NAMES[k]}" for k, (told, all_) in counts.items())
    )
    kind = (
        st.segmented_control(
            "Endings",
            list(NAMES),
            default="trained",
            required=True,
            **MemorizationState.templates.of(models.letter(address)).bound,
            format_func=lambda name: NAMES[name],
        )
        or "trained"
    )
    alike = found.measures[kind].templates
    order = sorted(range(len(alike)), key=lambda n: -(one.masked if (one := alike[n]) else 0))

    def name(n: int) -> str:
        one = alike[n]
        if one is None:
            return "nothing alike"
        return f"{one.masked:.2f} alike ({one.plain:.2f} with names), {one.kind or 'no copy'}"

    number = (
        st.selectbox(
            "Ending",
            order,
            format_func=name,
            **MemorizationState.template.of(f"{models.letter(address)}.{kind}").bound,
        )
        or 0
    )
    one = alike[number]
    left, right = st.columns(2)
    with left:
        st.caption("The ending")
        copied_text(found.endings[kind][number].text, [], key=f"told-{address}")
    with right:
        index = cache.copy_index(read)
        if one is not None and index is not None:
            st.caption(show.plain(f"Story {one.story} of the corpus"))
            copied_text(index.story(one.story), [], key=f"telling-{address}")
    st.caption(
        "Names are words capitalised inside a sentence and the nursery's names; places are the "
        "nursery's. An ending is a copy where one story holds at least 0.8 of its masked runs of four "
        "words; a template copy where fewer of them stand there with their names."
    )
