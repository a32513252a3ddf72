"""What does a term mean?"""

import streamlit as st

from app.state import GlossaryState
from app.terms import address
from app.widgets import show
from slm.glossary import Group, Term, find, groups, terms
from slm.lessons.reading import with_term
from slm.text import in_html

FEW = 12  # entries that are shown whole, with links to their pages


def whole(term: Term) -> None:
    """One entry: its meaning, its formula, its source, and the pages that show it."""
    with st.container(border=True):
        also = f" · also: {show.plain(', '.join(term.also))}" if term.also else ""
        st.markdown(f"## {show.plain(term.term)}\n{show.plain(term.means)}", anchors=False)
        if term.formula:
            st.code(term.formula, language=None, wrap_lines=True)
        about = [f"In {term.unit}"] if term.unit else []
        about += [f"First seen: {term.source}"] if term.source else []
        if also or about:
            st.caption(" · ".join(map(show.plain, about)) + also)
        with st.container(horizontal=True):
            st.markdown(f"[Link]({address(term)})")
            for page in term.seen:
                st.page_link(f"../pages/{page}.py")
            for lesson, at in with_term(term):
                st.page_link(
                    "../pages/lessons.py",
                    label=f"Lesson: {show.plain(lesson.question)}",
                    query_params={"lesson": lesson.name, "step": str(at + 1)},
                )


def listed(group: Group) -> None:
    """A group of entries, a line each; a term is the link to its entry."""
    st.header(group.group, anchor=False)
    st.html(
        '<dl class="glossary">'
        + "".join(
            f'<dt id="{one.slug}"><a href="{address(one)}" target="_self">{in_html(one.term)}</a>'
            f"</dt><dd>{in_html(one.means)}</dd>"
            for one in group.terms
        )
        + "</dl>"
    )


st.title("What does a term mean?", anchor=False)
typed = st.text_input(
    "Term",
    **GlossaryState.term.bound,
    max_chars=80,
    placeholder=f"one of {len(terms())}, or words of its meaning",
    width=330,
)
found = find(typed) if typed else ()
if typed and not found:
    st.info("No entry has these words.")
for one in found[:FEW]:
    whole(one)
for group in groups():
    listed(group)
