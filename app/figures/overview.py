"""Small pictures of finds: a head's map, curves over checkpoints, the table of width and depth."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from app.figures.attention import pattern_trace
from app.figures.style import dress, positions, printed, write_in_cells
from app.text import in_plotly
from app.theme import Palette, along
from slm.overview.records import FindCurve
from slm.training.grid import GridCell

HEIGHT = 210


def small_map(
    pattern: Float[np.ndarray, "query key"],
    str_tokens: Sequence[str],
    token: int,
    palette: Palette,
) -> go.Figure:
    """Draw a head's attention pattern without axes, an arrow at the key of `token`."""
    names, key = positions(str_tokens), int(pattern[token].argmax())
    figure = go.Figure(
        pattern_trace(
            pattern,
            names,
            palette,
            showscale=False,
            hovertemplate="<b>%{y}</b> looks at <b>%{x}</b>: %{z:.1%}<extra></extra>",
        )
    )
    figure.add_annotation(
        x=names[key],
        y=names[token],
        text=f"{printed(str_tokens[token])} → {printed(str_tokens[key])}",
        showarrow=True,
        arrowcolor=palette.minus,
        ax=46,
        ay=-26,
        xanchor="left",
        font={"color": palette.text, "size": 12},
    )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, autorange="reversed")
    return _small(figure, palette)


def small_curves(curves: Sequence[FindCurve], palette: Palette, up: str) -> go.Figure:
    """Draw curves over checkpoints, equally far apart; the second, a control, is dotted."""
    figure = go.Figure()
    for curve, ink, dash in zip(
        curves, (palette.plus, palette.minus), ("solid", "dot"), strict=False
    ):
        figure.add_scatter(
            x=[f"{step:,}" for step in curve.steps],
            y=list(curve.values),
            mode="lines+markers",
            name=in_plotly(curve.name),
            line={"color": ink, "width": 2, "dash": dash},
            marker={"size": 5},
            hovertemplate="%{y:.1%} after step %{x}<extra>" + in_plotly(curve.name) + "</extra>",
        )
    figure.update_xaxes(type="category", showgrid=False, zeroline=False, tickfont={"size": 10})
    figure.update_yaxes(
        title={"text": in_plotly(up), "font": {"size": 11}},
        tickformat=".0%",
        gridcolor=palette.grid,
        zeroline=False,
        rangemode="tozero",
    )
    return _small(figure, palette).update_layout(
        showlegend=True, legend={"y": 1.0, "yanchor": "bottom", "font": {"size": 11}}
    )


def small_table(places: Mapping[tuple[int, int], GridCell], palette: Palette) -> go.Figure:
    """Draw the mean score of each (width, layers), coloured by its place between worst and best."""
    widths, depths = (sorted({at[side] for at in places}) for side in (0, 1))
    there = [[places.get((width, layers)) for width in widths] for layers in depths]
    means = [[None if one is None else one.mean for one in row] for row in there]
    figure = go.Figure(
        go.Heatmap(
            z=[[None if one is None else one.place for one in row] for row in there],
            x=[str(width) for width in widths],
            y=[str(layers) for layers in depths],
            text=[["" if mean is None else f"{mean:.2f}" for mean in row] for row in means],
            colorscale=list(palette.sequential[1:4]),
            zmin=0,
            zmax=1,
            xgap=2,
            ygap=2,
            showscale=False,
            hovertemplate="width %{x}, %{y} layers: %{text}<extra></extra>",
        )
    )
    write_in_cells(
        figure,
        [
            (str(width), str(layers), f"{one.mean:.2f}", along(palette.sequential[1:4], one.place))
            for (width, layers), one in places.items()
            if one.mean is not None and one.place is not None
        ],
    )
    axis = {"showgrid": False, "zeroline": False, "type": "category"}
    figure.update_xaxes(title={"text": "width", "font": {"size": 11}}, **axis)
    figure.update_yaxes(
        title={"text": "layers", "font": {"size": 11}}, autorange="reversed", **axis
    )
    return _small(figure, palette)


def _small(figure: go.Figure, palette: Palette) -> go.Figure:
    return dress(figure, palette, height=HEIGHT).update_layout(
        margin={"l": 8, "r": 8, "t": 8, "b": 8}, dragmode=False
    )
