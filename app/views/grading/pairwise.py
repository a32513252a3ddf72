"""Show which of two models a judge prefers, and its position bias."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from app import commands
from app.figures.intervals import intervals
from app.views.grading.results import bill_of, everything, words
from app.widgets import show
from app.widgets.story_view import Shown, story_view
from slm.grading.pairwise import Preference
from slm.grading.questions import Graded
from slm.grading.scores import PairwiseComparison, compare_pairwise
from slm.text import visible

FEWEST = 5
"""Of fewer openings no winner is named: an interval from so few is too narrow."""


def between(a: str, b: str, judge: str, found: list[Graded]) -> None:
    """Show which of two models is preferred, and the judge's position bias."""
    result = compare_pairwise(found, a, b)
    if result is None:
        st.markdown("No pair of these two has been read both ways round yet.")
        return
    st.markdown(show.plain(f"{_verdict(judge, result)} {_position_bias(result)}"))
    rows = [
        (f"{a} is preferred", result.win_rate),
        ("the one shown first is", result.position_bias),
    ]
    show.figure(
        intervals(
            [(label, m.mean, *m.whiskers) for label, m in rows],
            show.colours(),
            "share of pairs, a tie counting half",
            (-0.02, 1.02),
            mark=0.5,
        ),
        name=f"pairwise-{a}-{b}-{judge}",
        table=partial(_pairs_table, found),
        everything=partial(everything, found, [a, b]),
        command=commands.grades(a, b),
        note=f"{result.pairs} pairs read by {judge}, each both ways round"
        + (f"; {result.unread} more without two verdicts" if result.unread else "")
        + f". The same winner both ways in {result.consistency:.0%}. Bars: 95 % intervals over openings."
        + bill_of(found),
    )
    chosen = st.selectbox(
        "Pair",
        range(len(found)),
        format_func=lambda i: visible(_pair_name(found[i])),
        key=f"read-pair-{len(found)}",
    )
    one = found[chosen or 0]
    for column, address, text in zip(
        st.columns(2, gap="large"),
        (one.item.address, one.item.other_address),
        (one.item.completion, one.item.other or ""),
        strict=True,
    ):
        with column:
            st.markdown(f"**{show.plain(address)}**")
            story_view(
                [Shown(text=one.item.opening, value=1.0), Shown(text=text)],
                key=f"pair-{address}",
                label="the beginning both were given",
                full=5,
                small=True,
            )
    words(one)


def _pair_name(one: Graded) -> str:
    better = one.outcome.better if isinstance(one.outcome, Preference) else "unread"
    beginning = " ".join(one.item.opening[:50].split())
    return f"{better} better  {beginning} … ({one.item.completion_index + 1})  {one.item.address} first"


def _verdict(judge: str, found: PairwiseComparison) -> str:
    if found.openings < FEWEST or found.win_rate.bounds is None:
        few = "One opening is" if found.openings == 1 else f"{found.openings} openings are"
        return f"{few} too few to say which writes better; take at least {FEWEST}."
    low, high = found.win_rate.bounds
    if low > 0.5:
        return f"{judge} prefers {found.a} to {found.b}."
    if high < 0.5:
        return f"{judge} prefers {found.b} to {found.a}."
    return "Which of the two writes better cannot be told from these pairs."


def _position_bias(found: PairwiseComparison) -> str:
    first = found.position_bias
    if found.openings < FEWEST or first.bounds is None:
        return ""
    if first.low <= 0.5 <= first.high:
        return "No favourite place is seen in this judge."
    place = "first" if first.mean > 0.5 else "second"
    return (
        f"This judge favours the story that stands {place}. "
        "Since every pair was read both ways round, that favours neither model."
    )


def _pairs_table(found: Sequence[Graded]) -> str:
    header = ("opening", "first", "second", "first_text", "second_text", "better", "comparison")
    rows = (
        (
            one.item.opening,
            one.item.address,
            one.item.other_address,
            one.item.completion,
            one.item.other or "",
            one.outcome.better if isinstance(one.outcome, Preference) else "",
            one.assessment,
        )
        for one in found
    )
    return show.csv(header, rows)
