"""What changed between two models?"""

import streamlit as st

from app import cache
from app.jobs import waiting
from app.state import CompareState
from app.terms import help_of
from app.views.compare.curves import show_curves
from app.views.compare.development import choose_kind, show_development
from app.views.compare.layers import show_layers
from app.views.compare.matching import show_heads, show_neurons
from app.views.compare.stories import show_stories
from app.widgets import corpus_picker, models, show
from slm.comparing.matching import UnitKind
from slm.runs import Address, list_runs, open_run

CURVES, STORIES, HEADS, NEURONS, LAYERS, DEVELOPMENT = (
    "Curves",
    "Stories",
    "Heads",
    "Neurons",
    "Layers",
    "Development",
)
VIEWS = (CURVES, STORIES, HEADS, NEURONS, LAYERS, DEVELOPMENT)
USUAL = 20
"""Stories that both models read where nobody asked for more."""
SHIPPED, NURSERY, OWN = "the shipped stories", "nursery", "a corpus"


def corpus() -> str:
    """Which stories both models read."""
    chosen = st.selectbox(
        "Corpus",
        [SHIPPED, NURSERY, OWN],
        **CompareState.source.bound,
        width=180,
        help=help_of("corpus"),
    )
    if chosen != OWN:
        return "nursery" if chosen == NURSERY else "shipped"
    return corpus_picker.named()


def choose_other(a: str) -> None:
    """Nothing stands beside A: offer what may."""
    st.info("Pick a second model under “Compare with”, or take one of these:")
    address = Address.parse(a)
    steps = open_run(address.run).steps
    earlier = [step for step in steps if step < (address.step or 0)]
    later = [step for step in steps if step > (address.step or 0)]
    offers: dict[Address, str] = {}
    if earlier:
        offers[Address(address.run, earlier[-1])] = f"{address.run} at step {earlier[-1]:,}"
        offers.setdefault(Address(address.run, earlier[0]), f"{address.run} at step {earlier[0]:,}")
    if later:
        offers[Address(address.run, later[-1])] = f"{address.run} at its end"
    others = [run for run in list_runs() if run.name != address.run and run.steps]
    offers |= {Address(run.name, run.steps[-1]): run.name for run in others[:3]}
    with st.container(horizontal=True):
        for other, label in offers.items():
            st.button(label, on_click=models.put_beside, args=(str(other),), key=f"by-{other}")


def say_what_was_learnt(a: str, b: str) -> None:
    """What is kept of what a run learnt between B and A; nothing of other pairs."""
    later, earlier = Address.parse(a), Address.parse(b)
    overview = cache.overview(later.run) if later.run == earlier.run else None
    pair = overview.pair if overview is not None else None
    if pair is None or earlier.step != pair.earlier or (later.step or 0) < pair.later:
        return
    st.markdown(f"**{show.plain(pair.says)}**")
    if later.step != pair.later:
        st.button(
            f"Show step {pair.later:,} as A",
            key="learnt-by",
            on_click=models.put,
            args=("a", str(Address(later.run, pair.later))),
            help="The two checkpoints between which that was learnt, side by side.",
        )


def mail(a: str, b: str, corpus: str, stories: int) -> None:
    """The comparison as one file: made when it is asked for."""
    asked = (a, b, corpus, stories)
    if CompareState.report.get() != asked:
        if st.button("Make a report to mail", help="One HTML file that needs no network."):
            CompareState.report.set(asked)
            st.rerun()
        return
    work = cache.mailable(*asked)
    if (page := waiting.result(work, "report")) is not None:
        st.download_button(
            f"Save the report ({len(page.encode()) / 1e6:.1f} MB)",
            page,
            file_name=f"{a}-beside-{b}.html",
            mime="text/html",
            on_click="ignore",
        )


def show_pair(view: str, a: str, b: str, corpus: str, stories: int) -> None:
    """What takes both models."""
    if view == STORIES:
        work = cache.difference(a, b, corpus, stories)
        if (difference := waiting.result(work, view)) is not None:
            show_stories(difference, a, b, corpus)
    elif view in (HEADS, NEURONS):
        kind: UnitKind = "heads" if view == HEADS else "neurons"
        matching = cache.matched(a, b, corpus, kind)
        if (match := waiting.result(matching, view)) is not None:
            (show_heads if view == HEADS else show_neurons)(match, a, b, corpus)
    else:
        comparing = cache.layers(a, b, corpus)
        if (alike := waiting.result(comparing, view)) is not None:
            show_layers(alike, a, b, corpus)


st.title("What changed between two models?", anchor=False)
addresses = models.addresses()
names = [run.name for run in list_runs()]
mine = list(dict.fromkeys(Address.parse(address).run for address in addresses))
read, stories = "shipped", USUAL
with st.container(horizontal=True, vertical_alignment="bottom"):
    view = (
        st.segmented_control(
            "Show",
            VIEWS,
            default=CURVES if len(addresses) == 1 else STORIES,
            required=True,
            **CompareState.view.bound,
        )
        or CURVES
    )
    if view == CURVES:
        more = st.multiselect(
            "Also",
            [name for name in names if name not in mine],
            **CompareState.runs.bound,
            placeholder="no other run",
            width=300,
        )
    elif view != DEVELOPMENT:
        read = corpus()
    if view == STORIES:
        stories = (
            st.selectbox(
                "Stories",
                [USUAL, 60, 200],
                **CompareState.stories.bound,
                width=100,
                on_change=corpus_picker.more,
                args=(CompareState.stories.key,),
            )
            or USUAL
        )
if len(addresses) == 2:
    say_what_was_learnt(*addresses)
if view == CURVES:
    show_curves([*mine, *more], addresses)
elif view == DEVELOPMENT:
    heads_of: str | None = None  # chosen once, for all runs alike
    for run in mine:
        with show.one_line():
            if len(mine) > 1:
                st.header(show.plain(run), anchor=False)
            work = cache.stages(run)
            stages = waiting.result(work, f"stages-{run}")
            if stages is not None:
                heads_of = heads_of or choose_kind(stages)
                show_development(run, stages, heads_of)
elif len(addresses) == 1:
    choose_other(addresses[0])
elif not read:
    st.info("Name a corpus: a path, or tinystories.")
elif corpus_picker.wait_until_asked(read) and corpus_picker.wait_if_more(
    CompareState.stories.key, stories, USUAL, f"{stories} stories"
):
    with show.one_line():
        show_pair(view, addresses[0], addresses[1], read, stories)
        mail(addresses[0], addresses[1], read, stories)
