"""Choice of the stories that a page reads, and that a person of this session allowed it."""

import streamlit as st

from app.state import Shared, typed_into
from app.terms import help_of
from app.widgets import show
from slm.stories.annotation.labelled import NURSERY

WITH_ROLES, SHIPPED, OWN = "nursery stories: roles", "shipped stories: word classes", "a corpus"
OURS = ("nursery", "nursery-instruct", "shipped")


def corpus() -> str:
    """Return the source of stories, shared by all pages that ask; "" where none is named yet."""
    with st.container(horizontal=True, vertical_alignment="bottom", width="content"):
        chosen = st.selectbox(
            "Corpus",
            [WITH_ROLES, SHIPPED, OWN],
            **Shared.source.bound,
            width=250,
            help=help_of(
                "corpus",
                also="Nursery writes its stories and knows what each word is for. In any other story "
                "words are sorted into classes, such as pronouns or what ends in -ed.",
            ),
        )
        if chosen != OWN:
            return NURSERY if chosen == WITH_ROLES else "shipped"
        return named()


def named() -> str:
    """Return a corpus that the reader names: a file, or one of the hub's."""
    return st.text_input(
        "Path or name",
        placeholder="a path, or tinystories",
        **Shared.corpus.bound,
        help="A .txt with <|endoftext|> between stories, .jsonl, .parquet, or a known name.",
        on_change=typed,
        args=(Shared.corpus.key,),
    ).strip()


def typed(key: str) -> None:
    """Note that a corpus was typed into the field called `key` (its callback): it may be read."""
    _ask_for(typed_into(key))


def _ask_for(*names: str) -> None:
    Shared.asked_for.at_first(set()).update(names)


def wait_until_asked(*names: str) -> bool:
    """Return whether these corpora may be read; else show a button that allows it.

    What a link names was chosen by whoever wrote the link: no file is opened for it and no server
    asked before a person presses.
    """
    asked_for = Shared.asked_for.at_first(set())
    waiting = [name for name in names if name not in asked_for and not _is_ours(name)]
    if waiting:
        st.info(
            show.plain(
                f"The link names {' and '.join(waiting)}. Nothing is read before you say so."
            )
        )
        st.button("Read it", type="primary", key="read-it", on_click=_ask_for, args=tuple(waiting))
    return not waiting


def more(key: str) -> None:
    """Note that a person set how much is done (a field's callback): that much may begin at once."""
    _ask_for(key)


def wait_if_more(key: str, asked: int, usual: int, work: str) -> bool:
    """Return whether work may begin: it is no more than usual, or was asked for in this session.

    A link alone begins nothing larger than the page itself would.
    """
    if asked <= usual or key in Shared.asked_for.at_first(set()):
        return True
    st.info(
        show.plain(f"The link asks for {work}, more than usual. Nothing begins before you say so.")
    )
    st.button("Begin", type="primary", key=f"begin-{key}", on_click=_ask_for, args=(key,))
    return False


def _is_ours(name: str) -> bool:
    """Return whether every part ships with the program: no file of this machine, and not the hub."""
    return all(part.split(":")[0] in OURS for part in name.split("+"))


def ask_for_one() -> None:
    """Say what is missing, and stop the page."""
    st.info(
        "Name a corpus: a file with stories, or tinystories. Its words are sorted into classes."
    )
    st.stop()
