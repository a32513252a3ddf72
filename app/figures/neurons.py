"""Figures of neurons: histograms, logit effects, firing rates."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from app.figures.style import dress, ends, printed
from app.theme import Palette


def spread(
    edges: Float[np.ndarray, "edge"],
    tokens: Float[np.ndarray, "bar"],
    marks: Mapping[str, float],
    palette: Palette,
    axis: str,
) -> go.Figure:
    """Draw the histogram of tokens by activation, with `marks` (percentiles by name) as lines."""
    middle, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    shown = np.where(tokens >= 0.5, tokens, np.nan)
    figure = go.Figure(
        go.Bar(
            x=middle.round(5).tolist(),
            y=[None if math.isnan(count) else round(float(count), 1) for count in shown],
            width=width.tolist(),
            marker={
                "color": [palette.plus if at > 0 else palette.minus for at in middle],
                "line": {"width": 0},
            },
            hovertemplate="about %{y:,.0f} tokens at %{x:.2f}<extra></extra>",
        )
    )
    for row, (name, value) in enumerate(marks.items()):  # a little lower each, lest they overlap
        top = 1 + 0.055 * (len(marks) - row)
        figure.add_shape(
            type="line",
            x0=value,
            x1=value,
            y0=0,
            y1=top,
            yref="paper",
            line={"color": palette.muted, "width": 1, "dash": "dot"},
        )
        figure.add_annotation(
            x=value,
            y=top,
            yref="paper",
            text=f" {name}",
            showarrow=False,
            xanchor="left",
            yanchor="middle",
            font={"size": 11, "color": palette.muted},
        )
    figure.update_xaxes(title=axis, gridcolor=palette.grid, zerolinecolor=palette.muted)
    figure.update_yaxes(
        title="tokens (logarithmic)",
        type="log",
        gridcolor=palette.grid,
        dtick=1,
        exponentformat="SI",
    )
    room = 14 * len(marks)
    dress(figure, palette, height=280 + room)
    return figure.update_layout(bargap=0, margin={"t": 10 + room, "r": 40}, showlegend=False)


def tokens_written(written: Sequence[tuple[str, float]], palette: Palette) -> go.Figure:
    """Draw a bar for each token's logit effect, the most promoted on top: blue raised, orange lowered."""
    values = [value for _, value in written]
    figure = go.Figure(
        go.Bar(
            x=values,
            y=list(range(len(written))),
            orientation="h",
            marker={"color": [palette.plus if v >= 0 else palette.minus for v in values]},
            text=[f"{value:+.2f}" for value in values],
            textposition="outside",
            cliponaxis=False,
            customdata=[printed(repr(str_token)) for str_token, _ in written],
            hovertemplate="%{customdata}: %{x:+.4f}<extra></extra>",
        )
    )
    low, high = ends(values)
    room = 0.2 * max(high - low, 1e-6)  # for the numbers at the ends of the bars
    figure.update_xaxes(
        title="logit minus the mean logit, for each unit of activation",
        gridcolor=palette.grid,
        zerolinecolor=palette.muted,
        range=[low - room, high + room],
    )
    figure.update_yaxes(
        autorange="reversed",
        showgrid=False,
        zeroline=False,
        tickmode="array",
        tickvals=list(range(len(written))),
        ticktext=[printed(str_token) for str_token, _ in written],
    )
    return dress(figure, palette, height=90 + 22 * len(written))


def firing(
    rates: Float[np.ndarray, "neuron"], chosen: int, palette: Palette, layer: int
) -> go.Figure:
    """Draw every neuron of a layer by firing rate, the rarest first, the chosen one marked."""
    order = np.argsort(rates, kind="stable")
    order = order[rates[order] > 0]
    figure = go.Figure(
        go.Scatter(
            x=list(range(1, len(order) + 1)),
            y=rates[order].round(7).tolist(),
            customdata=order.tolist(),
            mode="markers",
            marker={"size": 5, "color": palette.muted},
            unselected={"marker": {"opacity": 1}},
            hovertemplate="neuron %{customdata} fires on %{y:.2%} of tokens<extra></extra>",
        )
    )
    if rates[chosen] > 0:
        figure.add_scatter(
            x=[int(np.flatnonzero(order == chosen)[0]) + 1],
            y=[float(rates[chosen])],
            customdata=[chosen],
            mode="markers",
            marker={"size": 13, "color": palette.plus, "line": {"width": 2, "color": palette.text}},
            unselected={"marker": {"opacity": 1}},
            hovertemplate=f"neuron {chosen}: %{{y:.2%}}<extra></extra>",
        )
    figure.update_xaxes(
        title=f"neurons of layer {layer}, the rarest first", gridcolor=palette.grid, zeroline=False
    )
    figure.update_yaxes(
        title="fires on (logarithmic)",
        type="log",
        tickformat="~%",
        dtick=1,
        gridcolor=palette.grid,
    )
    dress(figure, palette, height=300)
    return figure.update_layout(showlegend=False, clickmode="event+select", dragmode=False)


def small_spread(
    edges: Float[np.ndarray, "edge"], tokens: Float[np.ndarray, "bar"], palette: Palette, axis: str
) -> go.Figure:
    """Draw the histogram alone, small."""
    figure = spread(edges, tokens, {}, palette, axis)
    figure.update_yaxes(title="tokens")
    return figure.update_layout(height=134, margin={"t": 4, "r": 6, "b": 34, "l": 48})


@dataclass(frozen=True, kw_only=True)
class NeuronPoint:
    """One neuron as the overview of its checkpoint has it; `threshold` is what shuffled labels reach."""

    layer: int
    neuron: int
    fires: float
    role: str
    auc: float
    threshold: float | None
    confirmed: bool
    tokens: str

    @property
    def above_control(self) -> float:
        """Return the AUC minus what shuffled labels reach; NaN where that is not known."""
        return math.nan if self.threshold is None else self.auc - self.threshold


Colouring = Literal["confirmed", "layer", "AUC above shuffled labels"]
COLOURINGS: tuple[Colouring, ...] = get_args(Colouring)


def every_neuron(
    points: Sequence[NeuronPoint], palette: Palette, colour_by: Colouring = "confirmed"
) -> go.Figure:
    """Draw neurons by firing rate and AUC; filled where the role is confirmed, coloured as asked."""
    figure = go.Figure()
    if colour_by != "confirmed":
        figure.update_layout(coloraxis=_colour_axis(points, palette, colour_by))
    for held, name, colour in (
        (False, "not confirmed", palette.muted),
        (True, "confirmed", palette.plus),
    ):
        part = [point for point in points if point.confirmed == held]
        marker: dict[str, Any] = {
            "size": 6,
            "opacity": 0.8,
            "symbol": "circle" if held else "circle-open",
        }
        if colour_by == "confirmed":
            marker["color"] = colour
        else:
            values = [
                point.layer if colour_by == "layer" else point.above_control for point in part
            ]
            marker |= {"color": values, "coloraxis": "coloraxis"}
        figure.add_scatter(
            x=[max(point.fires, 1e-4) for point in part],
            y=[point.auc for point in part],
            customdata=[
                [point.layer, point.neuron, printed(point.role), printed(point.tokens)]
                for point in part
            ],
            mode="markers",
            name=name,
            marker=marker,
            hovertemplate="neuron %{customdata[0]}.%{customdata[1]}, %{customdata[2]}: AUC %{y:.2f}, "
            "fires on %{x:.2%}<br>%{customdata[3]}<extra></extra>",
        )
    figure.update_xaxes(
        title="firing rate (logarithmic)",
        type="log",
        tickvals=[0.0001, 0.001, 0.01, 0.03, 0.1, 0.3, 1],
        ticktext=["0.01%", "0.1%", "1%", "3%", "10%", "30%", "100%"],
        gridcolor=palette.grid,
    )
    figure.update_yaxes(title="AUC of its strongest role", gridcolor=palette.grid)
    figure.update_layout(showlegend=colour_by == "confirmed")
    return dress(figure, palette, height=270)


def _colour_axis(
    points: Sequence[NeuronPoint], palette: Palette, colour_by: Colouring
) -> dict[str, Any]:
    """Return plotly's colour axis: layers from light to dark, or white where the control is just met."""
    if colour_by == "layer":
        last = max((point.layer for point in points), default=0)
        return {
            "colorscale": list(palette.sequential[2:]),
            "cmin": 0,
            "cmax": max(last, 1),
            "colorbar": {"title": "layer", "dtick": max(1, last // 6), "thickness": 12},
        }
    margins = [abs(point.above_control) for point in points if point.threshold is not None]
    most = max(margins, default=0.1)
    return {
        "colorscale": list(palette.diverging),
        "cmin": -most,
        "cmax": most,
        "colorbar": {"title": "above<br>shuffled", "thickness": 12, "tickformat": "+.2f"},
    }
