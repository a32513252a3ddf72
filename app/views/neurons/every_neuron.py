"""Every neuron at a glance: firing rate, strongest role and how specific it is; one is picked."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import streamlit as st

from app import cache, commands
from app.figures import neurons as figures
from app.figures.neurons import COLOURINGS, Colouring, NeuronPoint
from app.state import NeuronsState, picked_rows
from app.terms import help_of
from app.text import token_shown
from app.widgets import selection, show
from slm.overview.records import NeuronsOverview

ALL = "every role"


def rows_of(address: str, neurons: NeuronsOverview) -> list[NeuronPoint]:
    """Return all neurons with a strongest role, the highest AUC first."""
    to_str_tokens = cache.checkpoint(address).tokenizer.to_str_tokens
    rows = []
    for layer, there in enumerate(neurons.layers):
        for neuron, (at, auc) in enumerate(zip(there.role, there.auc, strict=True)):
            if at < 0 or auc is None:
                continue
            words = to_str_tokens(list(there.top_tokens[neuron]))
            rows.append(
                NeuronPoint(
                    layer=layer,
                    neuron=neuron,
                    fires=there.firing_rate[neuron],
                    role=neurons.roles[at],
                    auc=auc,
                    threshold=there.thresholds[at],
                    confirmed=there.confirmed[neuron],
                    tokens=" ".join(token_shown(word) for word in words),
                )
            )
    return sorted(rows, key=lambda row: -row.auc)


@dataclass(frozen=True, kw_only=True)
class NeuronsShown:
    """Which neurons are shown, and what their colour says; `layer` None is every layer."""

    role: str = ALL
    layer: int | None = None
    colour_by: Colouring = "confirmed"

    def holds(self, point: NeuronPoint) -> bool:
        """Return whether a neuron is shown."""
        return self.role in (ALL, point.role) and self.layer in (None, point.layer)


def choose_shown(addresses: list[str]) -> NeuronsShown:
    """Choose role, layer and colour; at first every neuron is shown."""
    names: list[str] = []
    layers = 0
    for address in addresses:
        if (overview := cache.overview(address)) is not None:
            names += [name for name in overview.neurons.roles if name not in names]
            layers = max(layers, len(overview.neurons.layers))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        role = st.selectbox(
            "Role", [ALL, *names], **NeuronsState.role.bound, width=260, help=help_of("role")
        )
        layer = st.selectbox(
            "Of layer",
            range(layers),
            index=None,
            placeholder="every layer",
            **NeuronsState.of_layer.bound,
            width=140,
        )
        colour_by = st.segmented_control(
            "Colour by",
            COLOURINGS,
            default="confirmed",
            required=True,
            **NeuronsState.colour_by.bound,
        )
    return NeuronsShown(role=role or ALL, layer=layer, colour_by=colour_by or "confirmed")


def every_neuron(
    address: str,
    which: NeuronsShown,
    key: str = "every",
    pick: Callable[[int, int], None] = selection.choose_neuron,
) -> None:
    """Show a point for each neuron and a table; picking from either calls `pick`."""
    if (overview := cache.overview(address)) is None:
        st.info("Roles were not measured for this model. The page Roles measures them.")
        return
    every = rows_of(address, overview.neurons)
    rows = [row for row in every if which.holds(row)]
    confirmed = sum(row.confirmed for row in rows)
    st.markdown(
        f"**{len(rows):,}** neurons with a strongest role, **{confirmed:,}** of them confirmed. "
        + controls(overview.neurons)
    )
    table = f"{key}-table-{address}"

    def chosen() -> None:
        if picked := picked_rows(table):
            pick(rows[picked[0]].layer, rows[picked[0]].neuron)

    show.figure(
        figures.every_neuron(rows, show.colours(), which.colour_by),
        name=f"{key}-neuron-{address}",
        on_pick=lambda point: pick(*map(int, point["customdata"][:2])),
        command=commands.overview([address]),
        table=partial(as_csv, rows),
        note=f"{address}: each point is a neuron by its firing rate on the shipped stories and the ROC "
        "AUC of its strongest role, on stories it was not chosen on. Filled: confirmed.",
    )
    st.dataframe(
        {
            "layer": [row.layer for row in rows],
            "neuron": [row.neuron for row in rows],
            "role": [row.role for row in rows],
            "AUC": [row.auc for row in rows],
            "shuffled reach": [row.threshold for row in rows],
            "confirmed": [row.confirmed for row in rows],
            "fires on": [round(100 * row.fires, 2) for row in rows],
            "top tokens": [row.tokens for row in rows],
        },
        column_config={
            "AUC": st.column_config.NumberColumn(format="%.2f"),
            "shuffled reach": st.column_config.NumberColumn(format="%.2f"),
            "fires on": st.column_config.NumberColumn(format="%.1f %%"),
        },
        hide_index=True,
        height=220,
        key=table,
        on_select=chosen,
        selection_mode="single-row",
    )


def controls(neurons: NeuronsOverview) -> str:
    """Say the shares with a confirmed role, of neurons and of their controls, layer by layer."""
    said = [
        f"layer {at}: {there.confirmed_share:.0%} against {there.random_directions_share:.0%}"
        for at, there in enumerate(neurons.layers)
    ]
    shuffled = max(max(there.shuffled_share, there.dealt_share) for there in neurons.layers)
    return (
        "Confirmed, of neurons against random directions that read the same stream: "
        + ", ".join(said)
        + f"; with shuffled labels at most {shuffled:.1%}."
    )


def as_csv(rows: list[NeuronPoint]) -> str:
    """Format every shown neuron as CSV."""
    return show.csv(
        ("layer", "neuron", "fires", "role", "auc", "threshold", "confirmed", "top tokens"),
        (
            (
                r.layer,
                r.neuron,
                r.fires,
                r.role,
                r.auc,
                r.threshold or "",
                int(r.confirmed),
                r.tokens,
            )
            for r in rows
        ),
    )
