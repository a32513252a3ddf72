"""Statistics of a corpus: lengths, vocabulary, the child's words, openings, repetition."""

from functools import partial

import streamlit as st

from app import cache, commands
from app.figures import stories as figures
from app.jobs import waiting
from app.state import LETTERS, slot
from app.views.stories.choosing import ChosenCorpus
from app.widgets import show
from slm.runs import Address, open_run
from slm.stories.statistics import StoryStatistics, statistics_json
from slm.text import visible

BARS = 12


def headline(chosen: ChosenCorpus) -> None:
    """Say in a line what the corpus is made of."""
    found = chosen.statistics
    count = len(found.lengths)
    top, times = found.openings[0]
    known = (
        "" if found.known is None else f"**{found.known.mean:.1%}** of them a young child knows; "
    )
    opening = f"{times / count:.0%} open with “{show.plain(top)}”." if times > 1 else ""
    st.markdown(
        f"**{count:,} stories** ({'all' if chosen.read.whole else 'the first'} of the corpus), "
        f"**{found.words / count:.0f} words** each, {found.distinct:,} different ones; {known}"
        f"{found.words_of_half} words make up half of the text. {opening}"
    )
    told = [
        f"{address} was trained on {trained}"
        for letter in LETTERS
        if (address := slot(letter).address)
        and (trained := str(open_run(Address.parse(address).run).info.corpus.get("train") or ""))
        and trained != chosen.corpus
    ]
    show.note("; ".join(told))


def counting(chosen: ChosenCorpus) -> None:
    """Show lengths, the growth of the vocabulary, the commonest words, openings and repetition."""
    found = chosen.statistics
    repeats = waiting.result(cache.corpus_diversity(chosen.corpus, chosen.count), "diversity")
    command = commands.stories(chosen.corpus, chosen.count)
    everything = None if repeats is None else partial(statistics_json, found, repeats)
    left, right = st.columns(2, gap="large")
    with left:
        show.figure(
            figures.lengths(found.lengths, show.colours()),
            name="story-lengths",
            table=lambda: show.csv(("story", "words"), enumerate(found.lengths)),
            everything=everything,
            command=command,
        )
        show.figure(
            figures.counted(
                [(text, float(n)) for text, n in found.openings[:BARS]], show.colours(), "stories"
            ),
            name="openings",
            table=lambda: show.csv(("opening", "stories"), found.openings),
            everything=everything,
            command=command,
            note=f"First four words. {_shared(found)}",
        )
    with right:
        show.figure(
            figures.growth(found.growth, show.colours()),
            name="vocabulary-growth",
            table=lambda: show.csv(("words", "different"), found.growth),
            everything=everything,
            command=command,
            note=f"{found.once:,} words stand there once; {found.names:,} never in small letters: names.",
        )
        _words(found)
    if repeats is not None:
        st.markdown(
            f"**Repetition**: {repeats.distinct:.1%} of all 4-grams are different"
            if repeats.distinct is not None
            else "**Repetition**: no story has four words"
        )
        if repeats.nearest is not None:
            st.caption(
                f"A story shares {repeats.nearest.to_text('.3f')} of its 4-grams (Jaccard index) with the "
                "story nearest to it; 4-grams that stand in more than 50 stories are set aside."
            )
        st.dataframe(
            [
                {
                    "shared": pair.overlap,
                    "one": visible(" ".join(chosen.read.stories[pair.one].split())[:140]),
                    "other": visible(" ".join(chosen.read.stories[pair.other].split())[:140]),
                    "stories": f"{pair.one}, {pair.other}",
                }
                for pair in repeats.pairs
            ],
            hide_index=True,
            column_config={"shared": st.column_config.NumberColumn(format="percent", width=70)},
        )


def _shared(found: StoryStatistics) -> str:
    return f"The most frequent opens {found.top_opening.interval.to_text('.1%')} of them."


def _words(found: StoryStatistics) -> None:
    """Show the commonest words, and those that a young child does not know."""
    known = "no words" if found.known is None else found.known.to_text(".1%")
    left, right = st.columns(2)
    for place, title, words in (
        (left, "Commonest words", found.commonest),
        (right, "Not a young child's", found.outside),
    ):
        place.markdown(f"**{title}**")
        place.dataframe(
            [
                {"word": visible(one.word), "times": one.count, "stories": one.stories}
                for one in words
            ],
            hide_index=True,
            height=300,
        )
    st.caption(
        f"{known} of all words, names set aside, are forms of the words on the list ({found.word_list})."
    )
