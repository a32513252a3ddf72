"""The paper's Figure 9: the first neurons of the layer before the last, unpicked, in 20 stories."""

import streamlit as st

from app import cache
from app.widgets import show

NEURONS = 12
PLACES = 3
HARDLY = 0.1  # a difference of shares below this is said to be small


def figure9(address: str) -> None:
    """Show neurons 0 to 11 of the layer before the last with their top activations and role share."""
    config = cache.checkpoint(address).config
    layer = max(config.n_layers - 2, 0)
    st.markdown(share(address, layer))
    found = cache.first_neurons(address, layer, min(NEURONS, config.d_mlp), PLACES)
    st.markdown("  \n".join(f"**{layer}.{at}** {_said(places)}" for at, places in enumerate(found)))
    show.footer(
        name=f"figure9-{address}",
        table=lambda: show.csv(
            ("layer", "neuron", "rank", "before", "token", "value"),
            (
                (layer, at, rank, "".join(words[:-1]), words[-1], f"{value:.5f}")
                for at, places in enumerate(found)
                for rank, (words, value) in enumerate(places)
            ),
        ),
        note=f"{address}, layer {layer}{' (its only one)' if config.n_layers == 1 else ''}: the strongest "
        "places in the 20 shipped stories, one a story, where the neuron fires; bold is the token. "
        "Nothing was picked.",
    )


def share(address: str, layer: int) -> str:
    """Say how many neurons of the layer have a confirmed role, beside controls that the paper lacked."""
    if (overview := cache.overview(address)) is None:
        return "How many of its neurons have a confirmed role was not measured for this model."
    there = overview.neurons.layers[layer]
    neurons, random = there.confirmed_share, there.random_directions_share
    return (
        f"**{neurons:.0%}** of the neurons of layer {layer} have a confirmed role; of random directions "
        f"that read the same stream **{random:.0%}**, with shuffled labels "
        f"{max(there.shuffled_share, there.dealt_share):.1%}. " + beside(neurons, random)
    )


def beside(neurons: float, random: float) -> str:
    """Say what the difference of two shares says of single neurons."""
    points = f"{100 * (neurons - random):+.0f} points"
    if neurons <= random:
        return f"Single neurons ({points}) are no more aligned with roles than random directions."
    if neurons - random < HARDLY:
        return (
            f"Single neurons ({points}) are hardly more aligned with roles than random directions."
        )
    return f"Single neurons ({points}) are more aligned with roles than random directions."


def _said(places: list[tuple[tuple[str, ...], float]]) -> str:
    if not places:
        return "never fires in these stories"
    return " · ".join(
        f"{_text(words[-3:-1])} **{_text(words[-1:])}**"
        if words[-1].startswith((" ", "\n"))
        else f"{_text(words[-3:-1])}**{_text(words[-1:])}**"
        for words, _ in places
    )


def _text(words: tuple[str, ...]) -> str:
    """Join tokens in one visible line."""
    return show.plain("".join(" " if word.isspace() else word for word in words).strip())
