"""Two models beside each other: curves, pairs of heads, layers, and what is learned when."""

import base64
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Float32

from app.figures.attention import GAP, image_side, mosaic, png
from app.figures.style import dress, printed
from app.text import in_plotly
from app.theme import Palette
from slm.comparing.curves import Curve, CurveAxis, CurvePoint

PAIRS_IN_A_ROW = 8
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")


def curves(
    series: Sequence[Curve],
    palette: Palette,
    over: CurveAxis,
    up: str,
    marks: Sequence[tuple[float, str, str]] = (),
) -> go.Figure:
    """Draw a line for each run, the first in A's colour, the second in B's, others pale.

    Intervals are thin bars; a baseline is a thin dotted line of the same colour. `marks` are places
    on the axis with a word and a colour: where A and B stand.
    """
    colours = [palette.plus, palette.other, palette.minus]
    figure = go.Figure()
    for index, curve in enumerate(series):
        colour = colours[index] if index < len(colours) else palette.muted
        across = [point.over(over) for point in curve.points]
        if any(point.baseline is not None for point in curve.points):
            figure.add_scatter(
                x=across,
                y=[point.baseline for point in curve.points],
                mode="lines",
                name=printed(curve.baseline),
                legendrank=2000,
                showlegend=index == 0,
                line={"color": colour, "width": 1, "dash": "dot"},
                opacity=0.8,
                hovertemplate=f"%{{y:.3g}} {printed(curve.baseline)}<extra>{printed(curve.run)}</extra>",
            )
        figure.add_scatter(
            x=across,
            y=[point.value for point in curve.points],
            customdata=[_hovered(point) for point in curve.points],
            error_y=_bars(curve.points, colour),
            mode="lines+markers",
            name=printed(curve.run),
            line={
                "color": colour,
                "width": 2,
                "dash": DASHES[max(0, index - len(colours) + 1) % len(DASHES)],
            },
            marker={"size": 6},
            hovertemplate=f"%{{y:.4g}} {printed(up)}%{{customdata}} after %{{x:.4s}}",
        )
    for at, word, colour in marks:
        figure.add_vline(
            x=at,
            line={"color": colour, "width": 1, "dash": "dot"},
            annotation_text=word,
            annotation_font_color=colour,
            annotation_position="top",
        )
    figure.update_xaxes(
        title=f"{over} of training", showgrid=False, zeroline=False, tickformat="~s"
    )
    figure.update_yaxes(title=in_plotly(up), gridcolor=palette.grid, zeroline=False)
    if any(curve.baseline for curve in series):
        figure.update_yaxes(rangemode="tozero")
    figure.update_layout(showlegend=len(figure.data) > 1)
    return dress(figure, palette, height=350).update_layout(
        margin={"t": 50}, legend={"y": 1.07, "yanchor": "bottom"}
    )


def _bars(points: Sequence[CurvePoint], colour: str) -> dict[str, object]:
    """Return the intervals of points; none where no point has one."""
    known = [
        (p.value if p.low is None else p.low, p.value if p.high is None else p.high) for p in points
    ]
    return {
        "type": "data",
        "symmetric": False,
        "array": [max(0.0, high - p.value) for p, (_, high) in zip(points, known, strict=True)],
        "arrayminus": [max(0.0, p.value - low) for p, (low, _) in zip(points, known, strict=True)],
        "color": colour,
        "thickness": 1,
        "width": 3,
        "visible": any(p.low is not None for p in points),
    }


def _hovered(point: CurvePoint) -> str:
    """Format what hovering adds to a point's value."""
    between = "" if point.low is None else f" ({point.low:.3g} to {point.high:.3g})"
    return between + (f", head {point.which}" if point.which else "")


def pairs(
    patterns: Float32[np.ndarray, "picture query key"],
    names: Sequence[str],
    palette: Palette,
    selected: int,
) -> go.Figure:
    """Draw matched heads as small pictures; pictures 2 n and 2 n + 1 are A's and B's of pair n."""
    columns = min(2 * PAIRS_IN_A_ROW, len(patterns))
    image, places = mosaic(patterns[None], columns)
    high, wide = image.shape
    side = image_side(patterns[None])
    source = base64.b64encode(png(image, palette.sequential)).decode()
    lefts = places[::2]
    figure = go.Figure(
        go.Scatter(
            x=[x + side + GAP / 2 for x, _ in lefts],
            y=[y + side / 2 for _, y in lefts],
            customdata=list(range(len(lefts))),
            text=[printed(name) for name in names],
            mode="markers",
            marker={"size": 40, "symbol": "square", "color": "rgba(0,0,0,0)"},
            selected={"marker": {"opacity": 0}},
            unselected={"marker": {"opacity": 0}},
            hovertemplate="%{text}<extra></extra>",
        )
    )
    figure.add_layout_image(
        source=f"data:image/png;base64,{source}",
        xref="x",
        yref="y",
        x=0,
        y=0,
        sizex=wide,
        sizey=high,
        sizing="stretch",
        layer="below",
    )
    for index, (x, y) in enumerate(lefts):
        chosen = index == selected
        figure.add_shape(
            type="rect",
            x0=x - 1.5,
            y0=y - 1.5,
            x1=x + 2 * side + GAP + 1.5,
            y1=y + side + 1.5,
            line={"color": palette.minus if chosen else palette.grid, "width": 2 if chosen else 1},
        )
    figure.update_xaxes(visible=False, range=[-2, wide + 2], fixedrange=True)
    figure.update_yaxes(
        visible=False, range=[high + 2, -2], fixedrange=True, scaleanchor="x", scaleratio=1
    )
    dress(figure, palette, height=round(930 * high / wide) + 6 if columns > 8 else 150)
    return figure.update_layout(
        margin={"l": 0, "r": 0, "t": 2, "b": 2},
        hoverdistance=-1,
        clickmode="event+select",
        dragmode=False,
        showlegend=False,
    )


def similarity(values: Sequence[float], chance: float, palette: Palette, kind: str) -> go.Figure:
    """Draw the similarity of the pairs in descending order, and the threshold of a match."""
    figure = go.Figure(
        go.Scatter(
            x=list(range(1, len(values) + 1)),
            y=list(values),
            mode="lines",
            line={"color": palette.plus, "width": 2},
            hovertemplate="pair %{x}: %{y:.3f}<extra></extra>",
        )
    )
    figure.add_hline(
        y=chance,
        line={"color": palette.muted, "width": 1, "dash": "dot"},
        annotation_text="a match begins here",
        annotation_font_color=palette.muted,
    )
    figure.update_xaxes(title=f"pair of {kind}, most alike first", showgrid=False, zeroline=False)
    figure.update_yaxes(title="similarity", range=[0, 1.03], gridcolor=palette.grid, zeroline=False)
    return dress(figure, palette, height=260)


def layers_alike(values: Float[np.ndarray, "stage_a stage_b"], palette: Palette) -> go.Figure:
    """Draw CKA of every stage of A with every stage of B, on the fixed scale 0 to 1."""

    def names(count: int) -> list[str]:
        return ["embedding", *(f"layer {layer}" for layer in range(count - 1))]

    scale = palette.sequential
    figure = go.Figure(
        go.Heatmap(
            z=values.round(4).tolist(),
            x=names(values.shape[1]),
            y=names(values.shape[0]),
            zmin=0,
            zmax=1,
            colorscale=[[at / (len(scale) - 1), colour] for at, colour in enumerate(scale)],
            text=[[f"{value:.2f}" for value in row] for row in values],
            texttemplate="%{text}",
            colorbar={"title": {"text": "CKA"}, "thickness": 8, "outlinewidth": 0},
            hovertemplate="%{y} of A, %{x} of B: %{z:.3f}<extra></extra>",
        )
    )
    figure.update_xaxes(
        title="after which layer of B", tickangle=-90, showgrid=False, zeroline=False
    )
    figure.update_yaxes(
        title="after which layer of A", autorange="reversed", showgrid=False, zeroline=False
    )
    return dress(figure, palette, height=130 + 36 * values.shape[0])


def over_steps(
    series: Sequence[tuple[str, Sequence[float]]],
    steps: Sequence[int],
    palette: Palette,
    up: str,
    *,
    top: float | None = None,
    strong: Sequence[str] = (),
) -> go.Figure:
    """Draw many faint lines over the steps of a run, and the `strong` ones clearly.

    Checkpoints are dense early: on an axis of numbers the first ten would fall on each other.
    """
    figure = go.Figure()
    for name, values in series:
        drawn = name in strong or len(series) <= 12
        figure.add_scatter(
            x=[f"{step:,}" for step in steps],
            y=list(values),
            mode="lines+markers" if drawn else "lines",
            name=printed(name),
            opacity=1 if drawn else 0.25,
            line={"width": 2 if drawn else 1, **({} if drawn else {"color": palette.muted})},
            marker={"size": 5},
            showlegend=drawn and len(series) > 1,
            hovertemplate=f"{printed(name)}: %{{y:.3f}} after step %{{x}}<extra></extra>",
        )
    figure.update_layout(
        colorway=[palette.plus, palette.minus, palette.other, palette.text, palette.muted]
    )
    figure.update_xaxes(title="after step", type="category", showgrid=False, zeroline=False)
    figure.update_yaxes(
        title=up, range=None if top is None else [0, top], gridcolor=palette.grid, zeroline=False
    )
    return dress(figure, palette, height=340).update_layout(
        margin={"t": 44}, legend={"y": 1.02, "yanchor": "bottom"}
    )
