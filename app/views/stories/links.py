"""Ways from a story to the pages that look at it in a model."""

import streamlit as st

from app.state import PredictionsState, Shared, StoriesState, WritingState
from app.widgets import selection

LONGEST = 2000
"""Characters of a text that the fields of those pages take."""
FIRST = 12
"""Words of a story that Writing goes on from."""


def cut(text: str) -> str:
    """Return what of a story the other pages take: its beginning, up to a word."""
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0]


def opening(text: str) -> str:
    """Return the first words of a story, as a prompt."""
    words = text.split(" ")
    return " ".join(words[:FIRST])


def read_story(number: int) -> None:
    """Choose a story and the view that shows it (from a widget's callback)."""
    StoriesState.number.set(number)
    StoriesState.view.set("Read")


def of_story(text: str, key: str) -> None:
    """Show links from a story to Predictions, Attention and Writing."""
    own = {Shared.story.key: selection.OWN, Shared.text.key: cut(text)}
    with st.container(horizontal=True, key=f"links-{key}"):
        for page, label, link in (
            ("predictions", "Predictions", own),
            ("attention", "Attention", own),
            (
                "writing",
                "Writing goes on from its opening",
                {
                    WritingState.opening.key: selection.OWN,
                    WritingState.prompt.key: opening(text),
                },
            ),
        ):
            st.page_link(
                f"../pages/{page}.py",
                label=label,
                icon=":material/arrow_forward:",
                query_params=link,
            )


def token_clicked(address: str, text: str, token: int) -> None:
    """Note that a token was clicked (the story's callback): `follow` goes there."""
    if token and len(text) <= LONGEST:
        StoriesState.pressed.set((address, text, token))


def follow() -> None:
    """Go to Predictions where a token was clicked."""
    if (pressed := StoriesState.pressed.pop()) is None:
        return
    address, text, token = pressed
    st.switch_page(
        f"../pages/{PredictionsState.url}.py",
        query_params={
            "a": address,
            Shared.story.key: selection.OWN,
            Shared.text.key: text,
            Shared.token.key: str(token),
        },
    )
