"""A run that copies its training text beside one that does not: the positive control of every study."""

from dataclasses import asdict

import streamlit as st

from app import cache, commands
from app.figures.intervals import intervals
from app.views.memorization.copied import copied_text
from app.widgets import show
from slm.memorization.measures import SHORTEST_COPY
from slm.memorization.suffix_index import Copy
from slm.overview.across import RunCopying


def copying_and_not() -> None:
    """Show both runs: how much each copies, and what it wrote; nothing where there are not both."""
    found = cache.copying_and_not()
    if found is None:
        return
    copies, other = found
    st.markdown(
        f"**{show.plain(copies.run)} recites; of {show.plain(other.run)} no copying is seen.** "
        f"{show.plain(copies.run)}, trained on {copies.copying.trained_on:,} stories, shares "
        f"{show.plain(copies.copying.more.to_text('+.3f'))} more of its word pairs with the true ending "
        "of a story it was trained on than of one it never saw; "
        f"{show.plain(other.run)}, trained on {other.copying.trained_on:,}, "
        f"{show.plain(other.copying.more.to_text('+.3f'))}."
    )
    rows = [(one.run, one.copying.more.mean, *one.copying.more.whiskers) for one in found]
    show.figure(
        intervals(
            rows,
            show.colours(),
            "Rouge-2 precision, trained less unseen, with its 95 % interval",
            (min(0, *(low for *_, low, _ in rows)) - 0.02, 1.02),
            mark=0,
        ),
        name=f"copying-{copies.run}-{other.run}",
        note=f"Share of the word pairs of an ending that stand in the true one: of "
        f"{copies.copying.more.n} stories that a run was trained on, less that of as many it never saw. "
        "Dotted: no difference. Measured once and kept with the runs. Phrases of a story grammar recur: "
        "that a few words in a row stand in a corpus is no memory of one story.",
        table=lambda: show.csv(("run", "trained less unseen", "low", "high"), iter(rows)),
        everything=lambda: {"overviews": [asdict(one.overview) for one in found]},
        command=commands.overview([one.address for one in found]),
    )
    for column, one in zip(st.columns(2, gap="large"), found, strict=True):
        with column:
            _ending(one)


def _ending(one: RunCopying) -> None:
    """Show a run's prompt and completion with copies underlined, and the true ending."""
    copying, name = one.copying, one.run
    st.header(show.plain(name), anchor=False)
    st.caption(f"The end of what it was given, from a story of its {copying.trained_on:,}")
    copied_text(f"… {copying.given}", [], key=f"given-kept-{name}")
    st.caption(
        f"It went on. Underlined: at least {SHORTEST_COPY} words that stand so in its corpus; the "
        f"longest copy has {copying.longest}"
    )
    spans = [Copy(start=start, stop=stop, story=0) for start, stop in copying.copied]
    copied_text(f"{copying.wrote} …", spans, key=f"wrote-kept-{name}")
    st.caption("The true ending")
    copied_text(f"{copying.true_ending} …", [], key=f"true-kept-{name}")
