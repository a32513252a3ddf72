"""What does the model write, and how sure is it?"""

import streamlit as st

from app import cache, selection, show
from app.live import LiveStory
from app.story_view import story_view
from slm.writing.sampler import Sampling

SECONDS_A_TICK = 0.12


def begin(addresses: list[str], prompt: str, sampling: Sampling) -> list[LiveStory]:
    """A story from each model, all from the same beginning and seed."""
    return [LiveStory(cache.checkpoint(address), prompt, sampling) for address in addresses]


def another() -> None:
    """Draw the next story: the same choices, the next seed."""
    st.session_state["seed"] += 1


def stop() -> None:
    """Write no further."""
    for story in st.session_state["written"]:
        story.stop()


def show_stories() -> None:
    """The stories side by side, a little longer at each tick."""
    stories: list[LiveStory] = st.session_state["written"]
    was_writing = any(story.writing for story in stories)
    for column, story in zip(st.columns(len(stories), gap="large"), stories, strict=True):
        with column:
            if len(stories) > 1:
                st.subheader(show.plain(story.address), anchor=False)
            story.advance(SECONDS_A_TICK / len(stories))
            story_view(
                story.shown(), key=f"written-{story.address}", label="probability",
                writing=story.writing,
            )  # fmt: skip
            if story.error:
                st.error(show.sentence(story.error))
            else:
                st.caption(f"{story.why} {len(story.tokens)} tokens." if story.why else "Writing …")
            if not story.writing:
                with st.container(horizontal=True):
                    save(story)
    writing = any(story.writing for story in stories)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Stop", on_click=stop, disabled=not writing)
        if st.button("Another", on_click=another, help="The same choices with the next seed."):
            st.rerun()
    if was_writing and not writing:
        st.rerun()


def save(story: LiveStory) -> None:
    """The story to take away, as text or with every probability."""
    name = f"story-{story.address}-seed{story.sampling.seed}"
    show.save(f"{name}.txt", lambda: story.text + "\n")
    show.save(f"{name}.json", story.to_json)


st.title("What does the model write, and how sure is it?", anchor=False)
addresses = selection.addresses()
with st.container(horizontal=True, vertical_alignment="bottom"):
    prompt = selection.prompt()
    sampling = selection.sampling()
with show.one_line():
    asked = (*addresses, prompt, sampling)
    if st.session_state.get("written_for") != asked:
        st.session_state["written"] = begin(addresses, prompt, sampling)
        st.session_state["written_for"] = asked
    writing = any(story.writing for story in st.session_state["written"])
    st.fragment(show_stories, run_every=0.25 if writing else None)()
st.caption(
    "Colour and hover show the model's own probability for each token, before temperature and cuts "
    "change it. Both models write from the same beginning and seed."
)
