"""Figures of heads: the map, attention by distance, and one head's proof."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from plotly.subplots import make_subplots

from app.figures.style import brightened, dress
from app.theme import Palette, along, ink_on

SCORE, COST = "share of attention", "ablation effect<br>(nats)"
FAR = 24
"""Distances shown; what lies further back is in the numbers."""


def head_map(
    values: Float[np.ndarray, "layer head"],
    names: Sequence[Sequence[str]],
    told: Sequence[Sequence[str]],
    palette: Palette,
    selected: tuple[int, int],
    full: float,
) -> go.Figure:
    """Draw a square for each head: its colour a score above the baseline, in it the strongest label.

    `told` is what hovering says. `full` is the strongest colour's value, the same for A and B.
    """
    layers, heads = values.shape
    x, y = np.meshgrid(np.arange(heads), np.arange(layers))
    figure = go.Figure(
        go.Heatmap(
            z=np.clip(values, 0, None),
            zmin=0,
            zmax=full,
            colorscale=brightened(palette.sequential),
            xgap=2,
            ygap=2,
            hoverinfo="skip",
            colorbar={
                "title": {"text": "above baseline", "side": "right", "font": {"size": 11}},
                "thickness": 7,
                "tickformat": ".0%",
                "tickfont": {"size": 10},
                "outlinewidth": 0,
            },
        )
    )
    figure.add_scatter(
        x=x.ravel(),
        y=y.ravel(),
        customdata=np.stack([y.ravel(), x.ravel()], 1).tolist(),
        text=[name for row in names for name in row],
        textfont={
            "size": 11,
            "color": [
                ink_on(along(palette.sequential, (max(value, 0.0) / full) ** 0.5))
                for value in np.nan_to_num(values).ravel()
            ],
        },
        mode="markers+text",
        marker={"size": 26, "symbol": "square", "color": "rgba(0,0,0,0)"},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        hovertext=[text for row in told for text in row],
        hoverinfo="text",
        showlegend=False,
    )
    layer, head = selected
    figure.add_shape(
        type="rect",
        x0=head - 0.5,
        x1=head + 0.5,
        y0=layer - 0.5,
        y1=layer + 0.5,
        line={"color": palette.minus, "width": 2},
    )
    figure.update_xaxes(
        title="head",
        tickvals=list(range(heads)),
        showgrid=False,
        zeroline=False,
        range=[-0.55, heads - 0.45],
        fixedrange=True,
    )
    figure.update_yaxes(
        title="layer",
        tickvals=list(range(layers)),
        showgrid=False,
        zeroline=False,
        range=[layers - 0.45, -0.55],
        fixedrange=True,
    )
    dress(figure, palette, height=76 + 38 * layers)
    return figure.update_layout(
        clickmode="event+select",
        dragmode=False,
        hoverdistance=-1,
        margin={"l": 40, "t": 6, "b": 40},
    )


def distance_profiles(
    profile: Float[np.ndarray, "layer head distance"],
    palette: Palette,
    selected: tuple[int, int],
) -> go.Figure:
    """Draw every head's mean attention by distance, the chosen one's strongly."""
    layers, heads, there = profile.shape
    far = min(there, FAR)
    figure = go.Figure()
    gap = np.full((layers * heads, 1), np.nan)
    lines = np.concatenate([profile[:, :, :far].reshape(-1, far), gap], 1)
    back = np.tile(np.append(np.arange(far), far), layers * heads)
    which = np.repeat(np.arange(layers * heads), far + 1)
    figure.add_scatter(
        x=back,
        y=lines.ravel().round(5),
        customdata=np.stack([which // heads, which % heads], 1).tolist(),
        mode="lines+markers",
        marker={"size": 7, "color": "rgba(0,0,0,0)"},
        line={"color": palette.muted, "width": 0.8},
        opacity=0.45,
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        hovertemplate="layer %{customdata[0]}, head %{customdata[1]}<br>"
        "%{x} back: %{y:.1%}<extra></extra>",
        showlegend=False,
    )
    chosen = profile[selected][:far]
    figure.add_scatter(
        x=np.arange(far),
        y=chosen,
        customdata=[list(selected)] * far,
        mode="lines+markers",
        line={"color": palette.minus, "width": 2.5},
        marker={"size": 5, "color": palette.minus},
        unselected={"marker": {"opacity": 1}},
        hovertemplate=f"layer {selected[0]}, head {selected[1]}<br>%{{x}} back: %{{y:.1%}}<extra></extra>",
        showlegend=False,
    )
    figure.update_xaxes(title="tokens back", showgrid=False, zeroline=False, dtick=4)
    figure.update_yaxes(
        title="mean attention",
        tickformat=".0%",
        gridcolor=palette.grid,
        zeroline=False,
        rangemode="tozero",
    )
    dress(figure, palette, height=230)
    return figure.update_layout(clickmode="event+select", dragmode=False)


def proof(
    kinds: Sequence[str],
    scores: Sequence[tuple[float, float, float]],
    baselines: Sequence[tuple[float, float, float]],
    costs: Sequence[tuple[float, float, float]] | None,
    elsewhere: Sequence[tuple[float, float, float]] | None,
    palette: Palette,
    *,
    small: bool = False,
) -> go.Figure:
    """Draw one head, a row for each kind: its score beside the baseline, and its ablation effect.

    Everything as (mean, low, high); NaN, not measured, leaves its place empty. Effects are None
    before the head was ablated.
    """

    def told(strong: str, weak: str) -> str:
        return (
            f'<span style="color:{palette.plus}">● {strong}</span>{" " if small else "<br>"}'
            f'<span style="color:{palette.muted}">| {weak}</span>'
        )

    nothing = [(float("nan"),) * 3] * len(kinds)
    figure = make_subplots(
        cols=2,
        shared_yaxes=True,
        horizontal_spacing=0.06,
        column_widths=[0.5, 0.5],
        subplot_titles=(told("score", "baseline"), told("on target", "off target")),
    )
    for column, sets in (
        (1, ((scores, "score", palette.plus), (baselines, "baseline", palette.muted))),
        (
            2,
            (
                (costs or nothing, "ablation effect on target", palette.plus),
                (elsewhere or nothing, "ablation effect off target", palette.muted),
            ),
        ),
    ):
        for row, (values, name, colour) in enumerate(sets):
            figure.add_scatter(
                x=[mean for mean, _, _ in values],
                y=list(kinds),
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [high - mean for mean, _, high in values],
                    "arrayminus": [mean - low for mean, low, _ in values],
                    "color": colour,
                    "thickness": 2,
                    "width": 4,
                },
                mode="markers",
                marker={"size": 9, "color": colour, "symbol": "line-ns-open" if row else "circle"},
                name=name,
                showlegend=False,
                hovertemplate=f"%{{y}}, {name}: %{{x:{'.1%' if column == 1 else '.3f'}}}<extra></extra>",
                row=1,
                col=column,
            )
    figure.update_xaxes(gridcolor=palette.grid, zerolinecolor=palette.muted)
    figure.update_xaxes(title=SCORE, tickformat=".0%", rangemode="tozero", row=1, col=1)
    figure.update_xaxes(title=COST, row=1, col=2)
    if costs is None:
        figure.update_xaxes(range=[0, 1], showticklabels=False, showgrid=False, row=1, col=2)
        figure.add_annotation(
            text="not tested yet",
            xref="x2 domain",
            yref="y domain",
            x=0.5,
            y=0.5,
            showarrow=False,
            font={"color": palette.muted},
        )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_annotations(font_size=12)
    row = 32 if any("<br>" in kind for kind in kinds) else 27
    if small:
        figure.update_xaxes(title=None, nticks=4)
        dress(figure, palette, height=56 + 24 * len(kinds))
        return figure.update_layout(margin={"t": 24, "b": 24})
    dress(figure, palette, height=120 + row * len(kinds))
    return figure.update_layout(margin={"t": 44})


def head_profile(profile: Float[np.ndarray, "distance"], palette: Palette) -> go.Figure:
    """Draw one head's mean attention by distance, small."""
    far = min(len(profile), FAR)
    figure = go.Figure(
        go.Bar(
            x=np.arange(far),
            y=profile[:far],
            marker={"color": palette.plus},
            hovertemplate="%{x} back: %{y:.1%}<extra></extra>",
        )
    )
    figure.update_xaxes(showgrid=False, zeroline=False, dtick=4)
    figure.update_yaxes(tickformat=".0%", gridcolor=palette.grid, nticks=3, rangemode="tozero")
    figure.add_annotation(
        text="mean attention by tokens back",
        xref="paper",
        yref="paper",
        x=1,
        y=1,
        xanchor="right",
        yanchor="top",
        showarrow=False,
        font={"size": 12, "color": palette.muted},
    )
    dress(figure, palette, height=96)
    return figure.update_layout(bargap=0.15, margin={"t": 4, "b": 24, "l": 40}, dragmode=False)
