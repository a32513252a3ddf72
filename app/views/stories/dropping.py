"""What cleaning kept, repaired and dropped of a corpus, with examples of each reason."""

import streamlit as st

from app import commands
from app.views.stories.choosing import ChosenCorpus
from app.widgets import show
from slm.stories.cleaning import REASONS
from slm.text import visible

WHY = {
    "truncated": "It ends without a sentence's mark, as if cut off.",
    "duplicate": "The same words stand earlier in the corpus.",
    "empty": "Nothing but white space, or a record without a story.",
    "in_validation": "It is kept for validation.",
}


def dropping(chosen: ChosenCorpus) -> None:
    """Show the counts by reason, and the first stories dropped for each."""
    report = chosen.read.report
    st.markdown(show.plain(report.in_words()))
    counts = [(said, getattr(report, reason), reason) for reason, said in REASONS.items()]
    for said, count, reason in counts:
        if not count:
            continue
        with st.expander(f"{count:,} {said}", expanded=True):
            st.caption(WHY[reason])
            for text in chosen.read.report.stories.get(reason, []):
                part = text[-400:] if reason == "truncated" else text[:400]
                lead = "…" if reason == "truncated" and len(text) > 400 else ""
                st.markdown(f"> {lead}{show.plain(visible(part))}")
    if not any(count for _, count, _ in counts):
        st.info("Nothing was dropped of these stories.")
    show.footer(
        name="cleaning",
        table=lambda: show.csv(
            ("what", "stories"),
            [
                ("read", report.read),
                ("kept", report.kept),
                ("repaired", report.repaired),
                *((said, count) for said, count, _ in counts),
            ],
        ),
        command=commands.stories(chosen.corpus, chosen.count),
        note="Duplicates are found among all stories that were read, whatever white space they have.",
    )
