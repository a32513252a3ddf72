"""Choice of the corpus, and how many of its stories are read."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from app import cache
from app.jobs import waiting
from app.state import StoriesState
from app.terms import help_of
from app.widgets import corpus_picker
from slm.stories.statistics import MOST_READ, FirstStories, StoryStatistics

OWN = "a corpus of mine or the hub's"
CORPORA = {
    "stories of our grammar (nursery)": "nursery",
    "the shipped stories": "shipped",
    "records with requests (nursery-instruct)": "nursery-instruct",
    OWN: "",
}
"""What can be chosen, and the corpus that each names."""
FIRST, USUAL = 300, 1000
"""Stories counted at first, and at most without being asked about."""


@dataclass(frozen=True, kw_only=True)
class ChosenCorpus:
    """The corpus that is looked at, its first stories, and what they are made of."""

    corpus: str
    count: int
    read: FirstStories
    statistics: StoryStatistics


def chosen_corpus(views: Sequence[str]) -> tuple[ChosenCorpus | None, str]:
    """Let the reader choose a corpus and a view of it, and read it.

    There is no corpus while it is read, and where none is named.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source = st.selectbox(
            "Corpus",
            list(CORPORA),
            **StoriesState.source.bound,
            width=330,
            help=help_of("corpus"),
        )
        corpus = CORPORA[source] or corpus_picker.named()
        count = st.number_input(
            "Stories counted",
            1,
            MOST_READ,
            FIRST,
            100,
            **StoriesState.read.bound,
            width=150,
            help="The first of the corpus. A search always reads all of it.",
            on_change=corpus_picker.more,
            args=(StoriesState.read.key,),
        )
        view = st.segmented_control(
            "Show",
            views,
            default=views[0],
            required=True,
            **StoriesState.view.bound,
        )
    return _read(corpus, int(count)), view or views[0]


def _read(corpus: str, count: int) -> ChosenCorpus | None:
    if not corpus:
        st.info("Name a corpus: a file with stories on this machine, or tinystories.")
        return None
    if not corpus_picker.wait_until_asked(corpus):
        return None
    if not corpus_picker.wait_if_more(StoriesState.read.key, count, USUAL, f"{count:,} stories"):
        return None
    found = waiting.result(cache.corpus_read(corpus, count), "corpus")
    if found is None:
        return None
    read, statistics = found
    return ChosenCorpus(corpus=corpus, count=count, read=read, statistics=statistics)
