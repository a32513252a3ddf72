"""What does each head do?"""

import numpy as np
import streamlit as st

from app import cache
from app.jobs import prefetch, waiting
from app.jobs.work import Work
from app.state import HeadsState
from app.views.heads import panels
from app.views.heads.card import card
from app.views.heads.panels import STRONGEST, Tested
from app.widgets import corpus_picker, models, opening, selection, self_checks, show
from slm.interp.heads.atlas import LEAST_ABLATION_EFFECT, HeadAtlas
from slm.interp.heads.rows import SHORTEST, STORIES
from slm.interp.heads.scores import EFFECT, HeadScores


def untested(address: str, work: Work[HeadAtlas], corpus: str, stories: int) -> None:
    """Say why labels are not tested, and offer to test them."""
    waiting.say_why(work)
    if st.button(
        "Test the labels",
        key=f"test-{address}",
        help="Switches every head off, one after the other, and measures what that costs.",
    ):
        cache.head_atlas.restart(address, corpus, stories)
        st.rerun()


st.title("What does each head do?", anchor=False)
addresses = models.addresses()
alone = len(addresses) == 1
with st.container(horizontal=True, vertical_alignment="bottom"):
    corpus = corpus_picker.corpus()
    stories = int(
        st.number_input(
            "Stories",
            16,
            256,
            STORIES,
            16,
            **HeadsState.stories.bound,
            width=120,
            help="More stories, narrower intervals. Heads are switched off on the first 24.",
            on_change=corpus_picker.more,
            args=(HeadsState.stories.key,),
        )
    )
    if corpus == "":
        corpus_picker.ask_for_one()
    if not corpus_picker.wait_until_asked(corpus):
        st.stop()
    if not corpus_picker.wait_if_more(
        HeadsState.stories.key, stories, STORIES, f"{stories:,} stories"
    ):
        st.stop()
    scores: dict[str, HeadScores] = {}
    works: dict[str, Work[HeadAtlas]] = {}
    for address in addresses:
        with show.one_line():
            if (context := cache.checkpoint(address).config.n_ctx) < SHORTEST:
                st.info(
                    f"{show.plain(address)}: heads are judged in contexts of at least {SHORTEST} "
                    f"tokens, and this model's has {context}."
                )
                continue
            scores[address] = cache.head_scores(address, corpus, stories)
            works[address] = cache.head_atlas(address, corpus, stories)
    kinds = next(iter(scores.values())).kinds if scores else ()
    kind = st.selectbox(
        "Colour by",
        [STRONGEST, *kinds],
        **HeadsState.kind.bound,
        width=250,
        help="How much more attention goes there than in the baseline.",
    )
    opening.on_best_head(addresses[0])
    chosen = selection.head(models.config())
prefetch.look(
    f"heads {corpus} {stories}", lambda address: cache.head_scores(address, corpus, stories)
)
for work in works.values():
    if not prefetch.walking():
        work.begin()
waiting.under_way(
    {f"Testing the labels of {address}": work for address, work in works.items()}, "heads"
)
colours = [panels.colour(one, kind) for one in scores.values()]
full = max([EFFECT, *(float(np.nanmax(one)) for one in colours if not np.isnan(one).all())])
for column, address in models.columns():
    if address not in scores:
        continue
    with column, show.one_line():
        work = works[address]
        tested = Tested(scores=scores[address], atlas=work.result)
        if work.result is None and not work.running:
            untested(address, work, corpus, stories)
        if alone:
            panels.headline(tested)
            left, right = column.columns([1, 1], gap="large")
        else:
            right, left = column.container(), column.container()
        layers, heads = tested.scores.distance.shape
        there = chosen[0] < layers and chosen[1] < heads
        with right:
            if there:
                card(tested, *chosen)
            else:
                st.info(f"This model has no head {chosen[1]} in layer {chosen[0]}.")
        with left:
            if not alone:
                panels.headline(tested)
            panels.the_map(tested, kind, chosen, full)
            if there:
                panels.profiles(tested, chosen)
        if there:
            with st.expander(f"Every kind of label for head {chosen[0]}.{chosen[1]}"):
                panels.every_kind(tested, chosen)
        panels.the_table(tested)
st.caption(
    show.plain(
        "How it was computed: a score is the share of a token's attention that goes where a head of that "
        "kind would look, in stories (for induction, in random tokens that repeat). Its "
        "baseline is the same attention with the targets moved: to the same places of other stories, to "
        "neighbours, or to other words of the same sort, whichever gives more. A label needs "
        f"{EFFECT:.0%} of attention above the baseline, and is confirmed where switching the head off "
        f"costs at least {LEAST_ABLATION_EFFECT} nats more where the label says it serves than elsewhere."
    )
)
for column, address in models.columns(titled=False):
    with column, show.one_line():
        self_checks.panel(address, HeadsState.checks)
