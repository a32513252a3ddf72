"""Roles of neurons: how many are confirmed, and how active a neuron is on words of each kind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from app.figures.style import dress, printed
from app.theme import Palette
from slm.stats.interval import Interval

LAYERS = 6
"""Room for at least so many, so that a single bar is no wall."""


@dataclass(frozen=True, kw_only=True)
class LayerShares:
    """What is confirmed in a layer: neurons, random directions, and with meaningless labels."""

    neurons: float
    random: Interval
    null: float


def shares_by_layer(
    shares: Mapping[str, Sequence[LayerShares]], title: str, palette: Palette
) -> go.Figure:
    """Draw each model's confirmed share by layer, beside random directions and shuffled labels."""
    figure = go.Figure()
    for (name, layers), colour in zip(shares.items(), (palette.plus, palette.other), strict=False):
        at = [str(layer) for layer in range(len(layers))]
        figure.add_bar(
            x=at,
            y=[one.neurons for one in layers],
            name=printed(name),
            marker={"color": colour},
            text=[f"{one.neurons:.0%}" for one in layers],
            textposition="inside",
            insidetextanchor="start",
            textangle=0,
            hovertemplate=f"{printed(name)}, layer %{{x}}: %{{y:.1%}} confirmed<extra></extra>",
        )
        figure.add_bar(
            x=at,
            y=[one.random.mean for one in layers],
            name=f"{printed(name)}, random directions",
            marker={"color": "rgba(0,0,0,0)", "line": {"color": colour, "width": 1.5}},
            error_y={
                "array": [one.random.high - one.random.mean for one in layers],
                "arrayminus": [one.random.mean - one.random.low for one in layers],
                "color": palette.muted,
                "thickness": 1.2,
                "width": 4,
            },
            customdata=[one.random.whiskers for one in layers],
            hovertemplate=f"{printed(name)}, layer %{{x}}: %{{y:.1%}} (%{{customdata[0]:.1%}} to "
            "%{customdata[1]:.1%}) of random directions<extra></extra>",
        )
    for index, (name, layers) in enumerate(shares.items()):
        figure.add_scatter(
            x=[str(layer) for layer in range(len(layers))],
            y=[one.null for one in layers],
            name=f"{printed(name)}, shuffled labels (control)",
            mode="lines+markers",
            line={"color": palette.muted, "width": 1, "dash": "dot" if index else "solid"},
            marker={"size": 7, "symbol": "line-ew-open"},
            hovertemplate=f"{printed(name)}, layer %{{x}}: %{{y:.1%}} by meaningless labels<extra></extra>",
        )
    every = [one for layers in shares.values() for one in layers]
    top = max((max(one.neurons, one.random.high, one.null) for one in every), default=0)
    most = max((len(layers) for layers in shares.values()), default=1)
    figure.update_xaxes(
        title="layer",
        type="category",
        showgrid=False,
        zeroline=False,
        range=[-0.5, max(most, LAYERS) - 0.5],
    )
    figure.update_yaxes(
        title=title,
        tickformat=".0%",
        range=[0, max(1.15 * top, 0.05)],
        gridcolor=palette.grid,
        zeroline=False,
    )
    figure.update_layout(barmode="group", bargap=0.35, showlegend=True)
    return dress(figure, palette, height=280)


def activation_by_label(
    quantiles: Float[np.ndarray, "label five"],
    names: Sequence[str],
    chosen: str | None,
    title: str,
    palette: Palette,
) -> go.Figure:
    """Draw one neuron's activations on words of each label, the highest on top.

    `quantiles` are 5, 25, 50, 75 and 95 %; labels without a word are NaN and left out.
    """
    there = [at for at in range(len(names)) if not np.isnan(quantiles[at]).any()]
    order = sorted(there, key=lambda at: (quantiles[at][2], quantiles[at][3]))
    figure = go.Figure()
    for at in order:
        low, q1, median, q3, high = (round(float(value), 4) for value in quantiles[at])
        colour = palette.minus if names[at] == chosen else palette.plus
        figure.add_box(
            y=[printed(names[at])],
            lowerfence=[low],
            q1=[q1],
            median=[median],
            q3=[q3],
            upperfence=[high],
            orientation="h",
            line={"color": colour, "width": 1.5},
            fillcolor="rgba(0,0,0,0)",
            showlegend=False,
            name=printed(names[at]),
        )
    figure.update_xaxes(title=title, gridcolor=palette.grid, zerolinecolor=palette.muted)
    figure.update_yaxes(showgrid=False)
    return dress(figure, palette, height=90 + 24 * len(order))
