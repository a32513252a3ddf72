"""A person as the judge: one story at a time, unnamed, and a field to type the grades into."""

import streamlit as st

from app.state import GradingState
from app.widgets import show
from app.widgets.story_view import Shown, story_view
from slm.errors import BadInput
from slm.grading.grade_reader import AGES
from slm.grading.human import expected, keep_by_hand, person, read_by_hand, to_read
from slm.grading.items import Item
from slm.grading.questions import is_instruct, rubric_of


def grade_by_hand(items: list[Item]) -> None:
    """Show what is to be read next, and take the grades."""
    name = st.text_input(
        "Your name, as the judge",
        **GradingState.person.bound,
        width=260,
        placeholder="any name",
        max_chars=40,
    ).strip()
    if not name:
        st.markdown(
            "Give a name, and you are the judge: the stories chosen on the left come one by one, "
            "without telling who wrote them, and your grades are kept like any other judge's."
        )
        return
    judge = person(name)
    once = {(item.opening, item.completion, item.other) for item in items}
    left = to_read(items, name)
    done = len(once) - len(left)
    st.progress(done / max(1, len(once)), f"{done} of {len(once)} read")
    last = GradingState.last.get()
    if not left:
        st.success(
            "You have read them all. The Judge tells whether a language model agrees with you."
        )
    else:
        _ask(left[0], name)
    if last is not None and st.button("Correct the last one", type="tertiary", key="correct"):
        GradingState.correcting.set(last)
        st.rerun()
    st.caption(show.plain(f"Kept under {judge}."))


def _ask(following: Item, name: str) -> None:
    item = GradingState.correcting.get() or following
    _story(item)
    st.caption(show.plain(_how(item)))
    complaint = st.container()
    with (
        st.form("by-hand", clear_on_submit=True, border=False),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        typed = st.text_input(
            f"Type: {expected(item)}",
            key="typed",
            placeholder="1" if item.other is not None else "7 5 8 6 C",
            autocomplete="off",
            width=320,
        )
        pressed = st.form_submit_button("Next", type="primary")
    if not pressed:
        return
    try:
        keep_by_hand(item, name, read_by_hand(item, typed))
    except BadInput as error:
        complaint.error(show.sentence(str(error)))
        return
    GradingState.last.set(item)
    GradingState.correcting.pop()
    st.rerun()


def _story(item: Item) -> None:
    beginning = Shown(text=item.opening, value=1.0)
    if item.other is None:
        story_view(
            [beginning, Shown(text=item.completion)],
            key="read-by-hand",
            label="the beginning it was given",
            full=5,
        )
        return
    for column, number, text in zip(
        st.columns(2, gap="large"), (1, 2), (item.completion, item.other), strict=True
    ):
        with column:
            st.markdown(f"**{number}**")
            story_view(
                [beginning, Shown(text=text)],
                key=f"read-by-hand-{number}",
                label="the beginning both were given",
                full=5,
                small=True,
            )


def _how(item: Item) -> str:
    if item.other is not None:
        cut = [name for name, is_cut in (("1", item.cut), ("2", item.other_cut)) if is_cut]
        ends = f" Cut off where its context ended: {' and '.join(cut)}." if cut else ""
        return f"Which goes on better? 1 or 2, or = where you cannot say; then Enter.{ends}"
    rubric = rubric_of(item)
    if item.rubric is not None:
        return f"From 0 to 10 for {rubric.grade}. Then Enter.{_ends(item)}"
    ages = ", ".join(f"{letter} {years}" for letter, years in AGES.items())
    kept = " How well was the instruction kept?" if is_instruct(item.opening) else ""
    return (
        "Only what follows the shaded beginning is graded, from 0 to 10, and how old the writer "
        f"seems ({ages}).{kept} Then Enter.{_ends(item)}"
    )


def _ends(item: Item) -> str:
    return " This story was cut off where its context ended." if item.cut else ""
