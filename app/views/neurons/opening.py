"""Which neuron the page opens on: the one with the best confirmed role, unless somebody chose one."""

import streamlit as st

from app import cache
from app.state import NeuronsState, Shared
from app.widgets import selection


def open_on_best(address: str) -> None:
    """Choose the model's best neuron, before the widgets are made; a link's own always wins.

    Another run moves to its own best as long as the neuron is still the one that was opened.
    """
    if NeuronsState.moving.pop() and (at_first := NeuronsState.opened.get()) is not None:
        selection.choose_neuron(*at_first[1:])
        return
    run, opened = address.partition("@")[0], NeuronsState.opened.get()
    layer, neuron = Shared.layer.get(), Shared.neuron.get()
    in_link = bool(Shared.layer.in_link() or Shared.neuron.in_link())
    if opened is None:
        if layer is not None or neuron is not None or in_link:
            return
    elif opened[0] == run or opened[1:] != (layer, neuron):
        return
    overview = cache.overview(address)
    best = overview.neurons.best if overview is not None else ()
    at = (best[0].layer, best[0].neuron) if best else (0, 0)
    NeuronsState.opened.set((run, *at))
    if opened is None:
        NeuronsState.opening.set(True)
    else:
        selection.choose_neuron(*at)


def into_widgets() -> None:
    """Give the widgets, once they are made, the neuron that is opened: only then does the link name it."""
    if NeuronsState.opening.pop():
        NeuronsState.moving.set(True)
        st.rerun()
