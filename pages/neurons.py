"""What excites a neuron?"""

import streamlit as st

from app import cache
from app.cache.neurons import Known
from app.figures.style import rounded_up
from app.jobs import prefetch
from app.state import NeuronsState, Shared
from app.views.neurons import panels
from app.views.neurons.card import card
from app.views.neurons.every_neuron import NeuronsShown, choose_shown, every_neuron
from app.views.neurons.figure9 import figure9
from app.views.neurons.one_neuron import STRONGEST, WEAKEST, how_often, places, summary, writing
from app.widgets import models, opening, selection, self_checks, show, start_with
from slm.errors import BadInput

EXAMPLES, SPREAD, WRITES = "Top activations", "Distribution", "Logit effect"
TEXT, FIND = "On my text", "Find neurons"
EVERY, FIGURE9 = "All neurons", "Figure 9"


def step(by: int, last: int) -> None:
    """Go to the next neuron, or the one before."""
    Shared.neuron.set(min(max(0, (Shared.neuron.get() or 0) + by), last))


st.title("What excites a neuron?", anchor=False)
config = models.config()
opening.on_best_neuron(models.addresses()[0])
addresses = models.addresses()
with st.container(horizontal=True, vertical_alignment="bottom"):
    layer, neuron = selection.neuron(config)
    last = config.d_mlp - 1
    st.button("Previous", on_click=step, args=(-1, last), disabled=neuron == 0)
    st.button("Next", on_click=step, args=(1, last), disabled=neuron == last)
    with show.one_line():
        panels.build(addresses)
panels.progress()
side, how, text, asked, which = STRONGEST, panels.WORD, "", "", NeuronsShown()
with st.container(horizontal=True):
    view = st.segmented_control(
        "Show",
        [EXAMPLES, SPREAD, WRITES, TEXT, FIND, EVERY, FIGURE9],
        default=EXAMPLES,
        required=True,
        **NeuronsState.view.bound,
        label_visibility="collapsed",
    )
    if view == EXAMPLES:
        side = st.segmented_control(
            "Side",
            [STRONGEST, WEAKEST],
            default=STRONGEST,
            required=True,
            **NeuronsState.side.bound,
            label_visibility="collapsed",
        )
if view not in (EVERY, FIGURE9):
    start_with.neurons()
if view == EVERY:
    which = choose_shown(addresses)
elif view == TEXT:
    read = selection.own_text()
    text = read.text
    show.note(read.note)
    selection.token_field()
elif view == FIND:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        how = st.segmented_control(
            "Find",
            panels.WAYS,
            default=panels.WORD,
            required=True,
            **NeuronsState.find.bound,
            label_visibility="collapsed",
        )
        if how == panels.WORD:
            asked = st.text_input(
                "Word",
                "park",
                **NeuronsState.word.bound,
                width=160,
                label_visibility="collapsed",
                placeholder="a word",
            )

found: dict[str, Known] = {}
for address in addresses:
    with show.one_line():
        shape = cache.checkpoint(address).config
        if layer < shape.n_layers and neuron < shape.d_mlp:
            found[address] = cache.index(address)
prefetch.look("neurons", cache.index)
ends = [
    (float(known.index.lowest[layer, neuron]), float(known.index.highest[layer, neuron]))
    for known in found.values()
]
limits = (min((low for low, _ in ends), default=0.0), max((high for _, high in ends), default=1.0))
full = rounded_up(max(abs(limits[0]), abs(limits[1])), 1.0)
for column, address in models.columns():
    with column, show.one_line():
        if view == EVERY:
            every_neuron(address, which)
            continue
        if view == FIGURE9:
            figure9(address)
            continue
        if address not in found:
            st.info(f"This model has no neuron {neuron} in layer {layer}.")
            continue
        known = found[address]
        if view != EXAMPLES or side != STRONGEST:
            summary(address, known, layer, neuron)
        if view == EXAMPLES and side == STRONGEST:
            ends_at = (limits[0], max(limits[1], limits[0] + 1e-3))
            alone = len(addresses) == 1
            card(address, known, layer, neuron, full=full, limits=ends_at, alone=alone)
            with st.expander("More: the strongest places in their stories"):
                places(address, known, layer, neuron, strongest=True, full=full)
        elif view == EXAMPLES:
            places(address, known, layer, neuron, strongest=False, full=full)
        elif view == SPREAD:
            how_often(address, known, layer, neuron, (limits[0], max(limits[1], limits[0] + 1e-3)))
        elif view == WRITES:
            writing(address, known, layer, neuron)
        elif view == TEXT:
            if not text.strip():
                raise BadInput("a text to look at needs at least one word")
            panels.in_text(address, known, text, layer, neuron, full)
        else:
            panels.search(address, known, how, asked)
for column, address in models.columns(titled=False):
    with column, show.one_line():
        self_checks.panel(address, NeuronsState.checks)
