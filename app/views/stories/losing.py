"""What models make of a corpus: loss of each story, the hardest and easiest, words that cost most."""

from functools import partial

import streamlit as st

from app import cache, commands
from app.figures import stories as figures
from app.jobs import waiting
from app.state import StoriesState, picked_rows
from app.views.stories.choosing import ChosenCorpus
from app.views.stories.links import read_story
from app.views.stories.reading import addresses
from app.widgets import corpus_picker, models, show
from slm.interp.predictions.corpus_loss import SAMPLE, CorpusLoss, StoryCost, losses_json
from slm.text import visible

LISTED = 20
USUAL = 200


def losing(chosen: ChosenCorpus) -> None:
    """Show the loss of A and B on the first stories."""
    if not models.any_model():
        return
    sample = st.number_input(
        "Stories that the models read",
        1,
        5000,
        SAMPLE,
        50,
        **StoriesState.sample.bound,
        width=210,
        on_change=corpus_picker.more,
        args=(StoriesState.sample.key,),
    )
    if not corpus_picker.wait_if_more(
        StoriesState.sample.key, int(sample), USUAL, f"the loss on {sample:,} stories"
    ):
        return
    picked = addresses()
    works = {address: cache.corpus_loss(address, chosen.corpus, int(sample)) for address in picked}
    if waiting.under_way(works, "losses"):
        return
    for address, work in works.items():
        if work.result is None:
            waiting.ended(work, f"loss-{address}")
    found = [work.result for work in works.values() if work.result is not None]
    if not found:
        return
    stories = chosen.read.stories  # fewer than the models read, perhaps
    left, right = st.columns([10, 9], gap="large")
    with left:
        for one in found:
            st.markdown(
                f"**{show.plain(one.address)}**: {one.bits_per_byte.to_text('.3f')} bits per byte, "
                f"{one.nats_per_token.to_text('.2f')} nats per token, over {len(one.stories)} stories"
            )
        show.figure(
            figures.losses(
                {one.address: [story.bits_per_byte for story in one.stories] for one in found},
                show.colours(),
            ),
            name="loss-by-story",
            table=lambda: show.csv(
                ("model", "story", "tokens", "bytes", "nats", "bits per byte"),
                (
                    (one.address, s.number, s.tokens, s.bytes, s.nats, s.bits_per_byte)
                    for one in found
                    for s in one.stories
                ),
            ),
            everything=lambda: losses_json(chosen.corpus, found),
            command=commands.story_losses(chosen.corpus, int(sample), picked),
            note="95 % of 2,000 resamples of the stories.",
        )
        _words(found)
    with right:
        for one in found:
            _ranked(one, stories)


def _ranked(found: CorpusLoss, stories: tuple[str, ...]) -> None:
    """Show the hardest and the easiest stories; a chosen row is read."""
    for title, order in (("Hardest", found.hardest), ("Easiest", found.hardest[::-1])):
        st.markdown(f"**{title} stories** · {show.plain(found.address)}")
        key, some = f"{title}-{found.address}", order[:LISTED]
        st.dataframe(
            [
                {
                    "bits per byte": one.bits_per_byte,
                    "begins": visible(" ".join(stories[one.number].split())[:80]),
                    "story": one.number,
                }
                for one in some
                if one.number < len(stories)
            ],
            hide_index=True,
            height=213,
            key=key,
            on_select=partial(_pick, key, some),
            selection_mode="single-row",
            column_config={
                "bits per byte": st.column_config.NumberColumn(format="%.2f", width=100),
                "begins": st.column_config.TextColumn(width="large"),
            },
        )
    st.caption("Choose a row to read the story.")


def _pick(key: str, some: list[StoryCost]) -> None:
    if rows := picked_rows(key):
        read_story(some[rows[0]].number)


def _words(found: list[CorpusLoss]) -> None:
    st.markdown("**Words that cost most**")
    for one in found:
        if len(found) > 1:
            st.caption(show.plain(one.address))
        st.dataframe(
            [
                {
                    "word": visible(word.word),
                    "times": word.count,
                    "nats each": word.nats.mean,
                    "95 % from": word.nats.low,
                    "to": word.nats.high,
                    "of all nats": word.share,
                }
                for word in one.words
            ],
            hide_index=True,
            height=260,
            key=f"words-{one.address}",
            column_config={
                **{
                    name: st.column_config.NumberColumn(format="%.2f")
                    for name in ("nats each", "95 % from", "to")
                },
                "of all nats": st.column_config.NumberColumn(format="percent"),
            },
        )
