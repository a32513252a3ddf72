"""One story cut short: the model's ending beside the true one, what is copied underlined."""

import streamlit as st

from app import cache
from app.state import MemorizationState
from app.views.memorization.copied import copied_text, sources
from app.widgets import models
from slm.memorization.kept import Texts
from slm.memorization.study import Study
from slm.text import visible


def endings(address: str, found: Study, read: Texts) -> None:
    """Show one story cut short: the model's ending beside the true one, copies underlined."""
    kind = (
        st.segmented_control(
            "Stories",
            ["trained", "unseen"],
            default="trained",
            required=True,
            **MemorizationState.endings.of(models.letter(address)).bound,
            format_func=lambda name: "train" if name == "trained" else "validation",
        )
        or "trained"
    )
    measures, written = found.measures[kind], found.endings[kind]
    order = sorted(range(len(written)), key=lambda n: -measures.longest[n])
    number = st.selectbox(
        "Story, that with the longest copy first",
        order,
        **MemorizationState.ending.of(f"{models.letter(address)}.{kind}").bound,
        format_func=lambda n: (
            f"longest copy {measures.longest[n]} words, "
            f"Rouge-2 {show_share(measures.rouge_precision[2][n])}: {visible(written[n].beginning[:60])} …"
        ),
    )
    one, copied = written[number or 0], measures.copies[number or 0]
    st.caption("It was given")
    copied_text(one.beginning, [], key=f"given-{address}")
    left, right = st.columns(2)
    with left:
        st.caption("The model went on")
        copied_text(one.text, copied, key=f"model-{address}")
    with right:
        st.caption("The true ending")
        copied_text(one.story[len(one.beginning) :], [], key=f"true-{address}")
    if (index := cache.copy_index(read)) is not None:
        sources(one.text, copied, index, key=f"sources-{address}")


def show_share(value: float | None) -> str:
    """Format a share, or that there is none."""
    return "too short to say" if value is None else f"{value:.2f}"
