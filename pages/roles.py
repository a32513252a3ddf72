"""Do neurons have roles?"""

from typing import Any

import streamlit as st

from app import cache, commands
from app.jobs import waiting
from app.jobs.work import Work
from app.state import Linked, RolesState
from app.terms import help_of
from app.views.neurons.every_neuron import NeuronsShown, every_neuron
from app.views.roles import protagonist, scores
from app.widgets import corpus_picker, models, selection, self_checks, show
from slm.interp.autointerp.snippets import STORIES as EXPLAINING
from slm.interp.roles.confirming import RoleKind
from slm.interp.roles.protagonist import STORIES as MENTIONING
from slm.interp.roles.protagonist import ProtagonistTest
from slm.interp.roles.scoring import STORIES, ScoredRoles
from slm.stories.annotation.labelled import NURSERY

ROLES, PROTAGONIST, EXPLAINED = "Roles", "The protagonist test", "Explained by a judge"
VIEWS = (ROLES, PROTAGONIST, EXPLAINED)


def neuron_of(address: str, written: str) -> tuple[int, int] | None:
    """The neuron to be tested; None for the best ones."""
    if not written.strip():
        return None
    config = cache.checkpoint(address).config
    return selection.layer_and_neuron(written, config.n_layers, config.d_mlp)


def choose(shown: Linked[str], layer: int, neuron: int) -> None:
    """Choose the neuron whose distribution is shown, where all neurons are."""
    shown.set(f"{layer}.{neuron}")


st.title("Do neurons have roles?", anchor=False)
addresses = models.addresses()
with st.container(horizontal=True, vertical_alignment="bottom"):
    view = st.segmented_control(
        "Show", VIEWS, default=ROLES, required=True, **RolesState.view.bound
    )
    source = corpus_picker.corpus() if view != PROTAGONIST else None
    read, usual = {
        ROLES: (RolesState.stories, STORIES),
        PROTAGONIST: (RolesState.mentions, MENTIONING),
        EXPLAINED: (RolesState.explained, EXPLAINING),
    }[view or ROLES]
    stories = int(
        st.number_input(
            "Stories",
            20,
            1000,
            usual,
            20,
            **read.bound,
            width=120,
            help="More stories, narrower intervals, a longer wait.",
            on_change=corpus_picker.more,
            args=(read.key,),
        )
    )
    tested, kind = "", RoleKind.EXCITED
    if view == ROLES:
        chosen = st.segmented_control(
            "Neurons that are",
            [one.value for one in RoleKind],
            default=RoleKind.EXCITED.value,
            required=True,
            **RolesState.kind.bound,
        )
        kind = RoleKind(chosen or RoleKind.EXCITED)
    if view == PROTAGONIST:
        tested = st.text_input(
            "Neuron (layer.neuron)",
            placeholder="the best",
            **RolesState.tested.bound,
            width=170,
            help="Which neuron is put to the test, if not the best ones.",
        )
if source == "":
    corpus_picker.ask_for_one()
if source is not None and not corpus_picker.wait_until_asked(source):
    st.stop()
if not corpus_picker.wait_if_more(read.key, stories, usual, f"{stories:,} stories"):
    st.stop()
if view == EXPLAINED:
    from app.views.roles import autointerp  # imports openai, which only this view needs

    autointerp.view(addresses, source or NURSERY, stories)
    st.stop()
works: dict[str, Work[Any]] = {}
for address in addresses:
    with show.one_line():
        if source is None:
            works[address] = cache.protagonist(address, stories, neuron_of(address, tested))
        else:
            works[address] = cache.roles(address, source, stories)
if view == ROLES and any(work.running for work in works.values()):
    for column, address in models.columns():
        if cache.overview(address) is None:
            continue
        with column, show.one_line():
            neuron_shown = RolesState.neuron.of(models.letter(address))
            every_neuron(address, NeuronsShown(), "roles", partial(choose, neuron_shown))
waiting.under_way(works, "roles")
results = {address: work.result for address, work in works.items() if work.result is not None}
label = None
if view == ROLES and results:
    of_kind = {address: found.of(kind) for address, found in results.items()}
    for found in of_kind.values():
        scores.headline(found)
    corpus = source or NURSERY
    scores.by_layer(results, kind, corpus, commands.roles(addresses[0], corpus, stories))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = st.selectbox(
            "Role",
            next(iter(of_kind.values())).names,
            index=None,
            **RolesState.role.bound,
            placeholder="the best neurons of every role",
            width=330,
            help=help_of("role"),
        )
        scores.rules()
for column, address in models.columns():
    if address not in works:
        continue
    with column, show.one_line():
        found = works[address].result
        if isinstance(found, ScoredRoles):
            neuron_shown = RolesState.neuron.of(models.letter(address))
            command = commands.roles(address, source or NURSERY, stories)
            scores.best(found.of(kind), label, neuron_shown, command)
            scores.distribution(found.of(kind), neuron_shown, command)
        elif isinstance(found, ProtagonistTest):
            protagonist.protagonist(address, found, alone=len(addresses) == 1)
        elif not works[address].running:
            waiting.ended(works[address], address)
for column, address in models.columns(titled=False):
    with column, show.one_line():
        self_checks.panel(address, RolesState.checks)
