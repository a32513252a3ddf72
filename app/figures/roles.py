"""Roles of neurons: how many are confirmed, and how active a neuron is on words of each kind."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from app.figures.style import dress, printed
from app.theme import Palette

LAYERS = 6
"""Room for at least so many, so that a single bar is no wall."""


def shares_by_layer(
    shares: Mapping[str, Sequence[tuple[float, float]]], palette: Palette
) -> go.Figure:
    """For each model and layer: the share that is confirmed, beside what meaningless labels reach."""
    figure = go.Figure()
    for (name, layers), colour in zip(shares.items(), (palette.plus, palette.other), strict=False):
        figure.add_bar(
            x=[str(layer) for layer in range(len(layers))],
            y=[share for share, _ in layers],
            name=printed(name),
            marker={"color": colour},
            text=[f"{share:.0%}" for share, _ in layers],
            textposition="outside",
            cliponaxis=False,
            hovertemplate=f"{printed(name)}, layer %{{x}}: %{{y:.1%}} confirmed<extra></extra>",
        )
    for index, (name, layers) in enumerate(shares.items()):
        figure.add_scatter(
            x=[str(layer) for layer in range(len(layers))],
            y=[luck for _, luck in layers],
            name=f"{printed(name)}, meaningless labels",
            mode="lines+markers",
            line={"color": palette.muted, "width": 1, "dash": "dot" if index else "solid"},
            marker={"size": 7, "symbol": "line-ew-open"},
            hovertemplate=f"{printed(name)}, layer %{{x}}: at most %{{y:.1%}} by luck<extra></extra>",
        )
    top = max((share for layers in shares.values() for pair in layers for share in pair), default=0)
    most = max((len(layers) for layers in shares.values()), default=1)
    figure.update_xaxes(
        title="layer", type="category", showgrid=False, zeroline=False,
        range=[-0.5, max(most, LAYERS) - 0.5],
    )  # fmt: skip
    figure.update_yaxes(
        title="neurons with a confirmed role", tickformat=".0%", range=[0, max(1.15 * top, 0.05)],
        gridcolor=palette.grid, zeroline=False,
    )  # fmt: skip
    figure.update_layout(barmode="group", bargap=0.35, showlegend=True)
    return dress(figure, palette, height=260)


def activation_by_label(
    quantiles: Float[np.ndarray, "label five"],
    names: Sequence[str],
    chosen: str | None,
    palette: Palette,
) -> go.Figure:
    """One neuron's activations on words of each label, the highest on top.

    `quantiles` are 5, 25, 50, 75 and 95 %; labels without a word are NaN and left out.
    """
    there = [at for at in range(len(names)) if not np.isnan(quantiles[at]).any()]
    order = sorted(there, key=lambda at: (quantiles[at][2], quantiles[at][3]))
    figure = go.Figure()
    for at in order:
        low, q1, median, q3, high = (round(float(value), 4) for value in quantiles[at])
        colour = palette.minus if names[at] == chosen else palette.plus
        figure.add_box(
            y=[printed(names[at])], lowerfence=[low], q1=[q1], median=[median], q3=[q3],
            upperfence=[high], orientation="h", line={"color": colour, "width": 1.5},
            fillcolor="rgba(0,0,0,0)", showlegend=False, name=printed(names[at]),
        )  # fmt: skip
    figure.update_xaxes(title="activation", gridcolor=palette.grid, zerolinecolor=palette.muted)
    figure.update_yaxes(showgrid=False)
    return dress(figure, palette, height=90 + 24 * len(order))
