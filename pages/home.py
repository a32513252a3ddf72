"""What can a small model tell?"""

import secrets

import streamlit as st

from app import cache
from app.live import LiveStory
from app.widgets import selection, show
from app.widgets.story_view import story_view
from slm.generation.fitting import opening_that_fits
from slm.generation.sampler import Sampling
from slm.runs import Metric, Run, damaged_runs, list_runs
from slm.text import visible

QUESTIONS = {
    "train": "How does a model learn to tell stories?",
    "compare": "What changed between two models?",
    "imports": "How do I bring a model of my own?",
    "grid": "What do width and depth do?",
    "attention": "Where does each head look?",
    "heads": "What does each head do?",
    "neurons": "What excites a neuron?",
    "roles": "Do neurons have roles?",
    "predictions": "Why this word?",
    "writing": "What does the model write, and how sure is it?",
    "grading": "How good are the stories?",
    "knowledge": "What does the model know?",
    "memorization": "Does the model copy its training text?",
}


def begin(address: str) -> LiveStory:
    """A new story, each time another."""
    sampling = Sampling(
        temperature=0.8, max_tokens=220, seed=secrets.randbelow(10**6), alternatives=5
    )
    checkpoint = cache.checkpoint(address)
    opening = opening_that_fits([checkpoint], selection.FIRST_WORDS)
    return LiveStory(checkpoint, opening.text, sampling)


def tell(address: str) -> None:
    """Show the story as it is written."""
    story = st.session_state.get("home")
    if story is None or story.address != address:
        story = st.session_state["home"] = begin(address)
    was_writing = story.writing
    story.advance(0.12)
    story_view(story.shown(), key="home-story", label="probability", writing=story.writing)
    st.caption(
        f"Written by {show.plain(address)} with seed {story.sampling.seed}. The bluer a token, the "
        "surer the model was of it; hover to see what else it weighed."
    )
    if st.button("Write another"):
        st.session_state["home"] = begin(address)
        st.rerun()
    if was_writing and not story.writing:
        st.rerun()


def measured(last: Metric | None) -> str:
    """Bits per byte, of which a lower number is better; imported models have none at first."""
    if last is None or last.val_bits_per_byte is None:
        return "not measured yet"
    return f"{last.val_bits_per_byte:.3f}"


def described(run: Run) -> dict[str, object]:
    """A run as a row of the table."""
    last = run.last_validation()
    return {
        "run": run.name,
        "shape": run.config.shape,
        "parameters": show.count(run.info.parameters),
        "last step": run.last_step,
        "bits per byte": measured(last),
        "corpus": visible(run.info.corpus_name or str(run.info.imported.get("kind", ""))),
        "status": run.status,
    }


st.title("What can a small model tell?", anchor=False)
left, right = st.columns([9, 5], gap="large")
with left, show.one_line():
    if selection.any_model():
        address = selection.addresses()[0]
        story = st.session_state.get("home")
        done = story is not None and story.address == address and not story.writing
        st.fragment(tell, run_every=None if done else 0.25)(address)
with right:
    st.markdown("**What the other pages answer**")
    with st.container(gap="xxsmall"):
        for name, question in QUESTIONS.items():
            st.page_link(f"../pages/{name}.py", label=question)

runs = list_runs()
rows = [described(run) for run in runs]
if rows:
    st.subheader("The models there are", anchor=False)
    st.dataframe(
        rows,
        hide_index=True,
        column_config={
            "bits per byte": st.column_config.TextColumn(
                help="Loss on stories it has never seen; lower is better."
            )
        },
    )
for line in [*(line for run in runs for line in run.damage()), *damaged_runs().values()]:
    st.warning(show.plain(line))
