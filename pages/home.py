"""What can a small model tell?"""

import secrets

import streamlit as st

from app import cache
from app.live import LiveStory
from app.state import HomeState, slot
from app.views.home import models as cards
from app.views.home.finds import worth_seeing
from app.widgets import models, selection, show
from app.widgets.story_view import story_view
from slm.generation.fitting import opening_that_fits
from slm.generation.sampler import Sampling
from slm.runs import Run, damaged_runs, list_runs
from slm.text import visible

WHAT = (
    "Storyscope trains language models small enough for a laptop to write children's stories, and shows "
    "what is inside them: what each head looks at, what each neuron fires on, why a word was said, and "
    "how all of it came about in training."
)


def begin(address: str) -> LiveStory:
    """A new story, each time another."""
    sampling = Sampling(
        temperature=0.8, max_tokens=160, seed=secrets.randbelow(10**6), alternatives=5
    )
    checkpoint = cache.checkpoint(address)
    opening = opening_that_fits([checkpoint], selection.FIRST_WORDS)
    return LiveStory(checkpoint, opening.text, sampling)


def tell(address: str) -> None:
    """Show the story as it is written."""
    story = HomeState.writing.get()
    if story is None or story.address != address:
        story = begin(address)
        HomeState.writing.set(story)
    was_writing = story.writing
    story.advance(0.12)
    story_view(story.shown(), key="home-story", label="probability", writing=story.writing)
    st.caption(
        f"Written by {show.plain(address)} with seed {story.sampling.seed}. The bluer a token, the "
        "surer the model was of it; hover to see what else it weighed."
    )
    if st.button("Write another"):
        HomeState.writing.set(begin(address))
        st.rerun()
    if was_writing and not story.writing:
        st.rerun()


def ways_in() -> None:
    """Three ways to begin."""
    st.markdown("**Three ways in**")
    st.page_link(
        "../pages/lessons.py",
        label="Take a lesson",
        icon=":material/school:",
    )
    st.caption("Minutes long, on the models that are here: guess, then see.")
    st.page_link("../pages/attention.py", label="Look inside a model", icon=":material/search:")
    st.caption("What is worth seeing of the model shown stands below, a click from its page.")
    st.page_link("../pages/train.py", label="Train your own", icon=":material/model_training:")
    st.caption("Choose stories, a shape and a time, and watch it learn.")


def described(run: Run) -> dict[str, object]:
    """A run as a row of the table."""
    last = run.last_validation()
    return {
        "run": run.name,
        "shape": run.config.shape,
        "parameters": show.count(run.info.parameters),
        "last step": run.last_step,
        "bits per byte": cards.measured(last),
        "corpus": visible(run.info.corpus_name or str(run.info.imported.get("kind", ""))),
        "status": run.status,
    }


st.title("What can a small model tell?", anchor=False)
st.markdown(WHAT)
left, right = st.columns([9, 5], gap="large")
with left, show.one_line():
    if models.any_model():
        address = models.addresses()[0]
        story = HomeState.writing.get()
        done = story is not None and story.address == address and not story.writing
        st.fragment(tell, run_every=None if done else 0.25)(address)
with right:
    ways_in()

runs = list_runs()
if slot("a").address is not None:
    with show.one_line():
        chosen = models.addresses()[0]
        worth_seeing(chosen, cache.overview(chosen), cache.finds_across())
if runs:
    st.header("The models there are", anchor=False)
    cards.cards(runs)
    st.dataframe(
        [described(run) for run in runs],
        hide_index=True,
        column_config={
            "bits per byte": st.column_config.TextColumn(
                help="Loss on validation stories, which it has never seen; lower is better."
            )
        },
    )
for line in [*(line for run in runs for line in run.damage()), *damaged_runs().values()]:
    st.warning(show.plain(line))
