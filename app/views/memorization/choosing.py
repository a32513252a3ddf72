"""Choice of the training corpus and the held-out stories."""

from collections.abc import Sequence

import streamlit as st

from app import cache
from app.state import MemorizationState
from app.terms import help_of
from app.widgets import corpus_picker, models, show
from slm.errors import BadInput
from slm.memorization.kept import Texts
from slm.runs import Address, list_runs, open_run
from slm.stories.sources import HUB


def corpus(addresses: Sequence[str]) -> Texts | None:
    """Return the corpora to compare with; None, with advice shown, where there is none."""
    told = open_run(Address.parse(addresses[0]).run).info.corpus
    trained, valid = str(told.get("train", "")), str(told.get("valid") or "")
    _follow_model(trained, valid)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        spec = st.text_input(
            "Training corpus",
            trained,
            **MemorizationState.corpus.bound,
            width=420,
            help=help_of(
                "train and validation",
                also="A path to a .txt, .jsonl or .parquet file, several joined by +, tinystories, "
                "or nursery.",
            ),
            on_change=corpus_picker.typed,
            args=(MemorizationState.corpus.key,),
        )
        unseen = st.text_input(
            "Validation corpus",
            valid if valid != trained else "",
            **MemorizationState.validation.bound,
            width=300,
            placeholder="the corpus's own validation stories",
            help=help_of(
                "train and validation",
                also="Stories that are in no text it was trained on: the baseline of every number here.",
            ),
            on_change=corpus_picker.typed,
            args=(MemorizationState.validation.key,),
        )
    if not (spec or "").strip():
        st.info("Name a corpus: what is copied can only be told beside the text it may come from.")
        return None
    own = {trained, valid} - set(HUB)  # what the run itself names, where it lies on this machine
    others = [name for name in (spec.strip(), (unseen or "").strip()) if name and name not in own]
    if not corpus_picker.wait_until_asked(*others):
        return None
    try:
        found: Texts = cache.texts(spec.strip(), (unseen or "").strip() or None)
    except BadInput as error:
        _missing(addresses[0], trained, str(error))
        return None
    _same_text(addresses, found)
    return found


def _follow_model(trained: str, valid: str) -> None:
    """Name the shown run's own corpora, where the fields still name those of the run shown before."""
    before = MemorizationState.told.get()
    MemorizationState.told.set((trained, valid))
    if before is None or before == (trained, valid):
        return
    fields = (MemorizationState.corpus, MemorizationState.validation)
    if tuple(field.get() or "" for field in fields) == before:
        for field, now in zip(fields, (trained, valid), strict=True):
            field.set(now)


def _missing(address: str, trained: str, complaint: str) -> None:
    st.info(
        show.sentence(
            f"Not measured of {address}: {complaint}. {address} says it was trained on "
            f"{trained or 'a text it does not name'}, and that text does not come with the "
            "program. Name where it lies on this machine, with the stories the model never saw beside "
            "it; or write tinystories in the first field to fetch TinyStories by Eldan and Li from the "
            "Hugging Face hub (1.9 GB, and about ten times that on disk for its index); or name another "
            "corpus, such as nursery."
        )
    )
    _others()


def _others() -> None:
    """Lead to the runs whose text can be made again on the spot, as it is a grammar's."""
    runs = [
        run
        for run in list_runs()
        if run.steps and str(run.info.corpus.get("train", "")).startswith("nursery")
    ]
    if not runs:
        return
    st.markdown("Runs that read our story grammar, which needs no file:")
    row = st.container(horizontal=True)
    for run in runs:
        stories = run.info.corpus.get("stories")
        told = f", {stories:,} stories" if isinstance(stories, int) else ""
        row.button(
            show.plain(f"{run.name}{told}"),
            key=f"instead-{run.name}",
            on_click=models.put,
            args=("a", str(Address(run.name, run.steps[-1]))),
        )


def _same_text(addresses: Sequence[str], found: Texts) -> None:
    """Say so where a model was trained on other stories than those that are looked at."""
    if (index := cache.copy_index(found)) is None:
        return
    for address in addresses:
        stories = open_run(Address.parse(address).run).info.corpus.get("stories")
        if stories is None:
            st.caption(show.plain(f"{address} does not say how many stories it was trained on."))
        elif stories != len(index):
            st.caption(
                show.plain(
                    f"{address} was trained on {stories:,} stories, and this corpus has "
                    f"{len(index):,}: what is found here may be likenesses, not memories."
                )
            )
