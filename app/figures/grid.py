"""The table of width and depth, and scores over training."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.style import dress, printed, write_in_cells
from app.theme import Palette, along
from slm.training.grid import GridCell


def table(
    places: Mapping[tuple[int, int], GridCell],
    palette: Palette,
    score: str,
) -> go.Figure:
    """Draw a cell for each (width, layers), written a/b: the score, and its place from worst to best.

    Places colour the cells. Of several runs it is their mean, with the spread below. Where none is
    ranked the cell has no colour, and says how far the runs in it have come.
    """
    widths = sorted({width for width, _ in places})
    depths = sorted({layers for _, layers in places})
    there = [[places.get((width, layers)) for width in widths] for layers in depths]
    z = [[np.nan if p is None or p.place is None else p.place for p in row] for row in there]
    text = [
        ["" if p is None or p.place is None else _ranked(p, score) for p in row] for row in there
    ]
    figure = go.Figure(
        go.Heatmap(
            z=z,
            x=[f"{width} wide" for width in widths],
            y=[f"{layers} layer{'s' if layers > 1 else ''}" for layers in depths],
            text=text,
            colorscale=list(palette.sequential[1:4]),
            zmin=0,
            zmax=1,
            xgap=3,
            ygap=3,
            showscale=False,
            hovertemplate=f"%{{x}}, %{{y}}: {printed(score)} %{{text}}<extra></extra>",
        )
    )
    write_in_cells(
        figure,
        [
            (
                f"{width} wide",
                f"{layers} layer{'s' if layers > 1 else ''}",
                _ranked(place, score).replace("/", "<br>", 1),
                along(palette.sequential[1:4], place.place),
            )
            for (width, layers), place in places.items()
            if place.place is not None
        ],
        size=16,
    )
    for (width, layers), place in places.items():
        if place.place is None:  # plotly writes nothing in a cell without a colour
            figure.add_annotation(
                x=f"{width} wide",
                y=f"{layers} layer{'s' if layers > 1 else ''}",
                text=_unfinished(place, score),
                showarrow=False,
                font={"color": palette.muted, "size": 13},
            )
    figure.update_xaxes(title="width (d_model)", showgrid=False, side="top")
    figure.update_yaxes(title="depth", showgrid=False, autorange="reversed")
    return dress(figure, palette, height=130 + 64 * len(depths))


def _ranked(place: GridCell, score: str) -> str:
    """Format a mean and its place; with several runs their spread."""
    said = f"{place.mean:.3g}/{place.place:.2f}"
    if len(place.ranked) > 1:
        values = [cell.scores[score] for cell in place.ranked]
        said += f"<br><sub>{len(values)} runs, {min(values):.3g} to {max(values):.3g}</sub>"
    return said


def _unfinished(place: GridCell, score: str) -> str:
    """Format what unfinished runs have reached, and at which step."""
    return "<br>".join(f"{cell.scores[score]:.3g}, {cell.reached}" for cell in place.unfinished)


def over_training(
    curves: Mapping[str, Sequence[tuple[float, float, float, float]]],
    palette: Palette,
    score: str,
) -> go.Figure:
    """Draw a line for each run of (tokens read, score, interval's ends), with bars for intervals."""
    figure = go.Figure()
    colours = (palette.plus, palette.other, palette.minus, palette.muted)
    dashes = ("solid", "dash", "dot", "dashdot")
    for index, (name, points) in enumerate(curves.items()):
        figure.add_scatter(
            x=[tokens for tokens, *_ in points],
            y=[value for _, value, _, _ in points],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [high - value for _, value, _, high in points],
                "arrayminus": [value - low for _, value, low, _ in points],
                "thickness": 1,
                "width": 0,
            },
            mode="lines+markers",
            name=printed(name),
            line={
                "color": colours[index % len(colours)],
                "dash": dashes[index // len(colours) % len(dashes)],
                "width": 2,
            },
            hovertemplate=f"%{{y:.3f}} after %{{x:.3s}} tokens<extra>{printed(name)}</extra>",
        )
    figure.update_xaxes(title="tokens read", showgrid=False, zeroline=False, tickformat="~s")
    figure.update_yaxes(title=printed(score), gridcolor=palette.grid)
    return dress(figure, palette, height=380).update_layout(showlegend=True)


def against_compute(
    curves: Mapping[str, Sequence[tuple[float, float]]],
    depths: Mapping[str, int],
    frontier: Sequence[tuple[float, float]],
    palette: Palette,
    score: str,
) -> go.Figure:
    """Draw each run's (operations, loss), dashed by its depth, and the best that any compute reached."""
    figure = go.Figure()
    layers = sorted(set(depths.values()))
    dashes = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
    for name, points in curves.items():
        depth = depths[name]
        first = next(other for other in curves if depths[other] == depth) == name
        figure.add_scatter(
            x=[compute for compute, _ in points],
            y=[loss for _, loss in points],
            mode="lines",
            name=f"{depth} layer{'s' * (depth > 1)}",
            legendgroup=str(depth),
            legendrank=depth,
            showlegend=first,
            line={
                "color": palette.muted,
                "width": 1.5,
                "dash": dashes[layers.index(depth) % len(dashes)],
            },
            hovertemplate=f"%{{y:.3f}} after %{{x:.3s}} operations<extra>{printed(name)}</extra>",
        )
    figure.add_scatter(
        x=[compute for compute, _ in frontier],
        y=[loss for _, loss in frontier],
        mode="lines+markers",
        line={"color": palette.plus, "width": 2.5},
        name="frontier",
        legendrank=0,
        hovertemplate="%{y:.3f} at %{x:.3s} operations<extra>frontier</extra>",
    )
    figure.update_xaxes(
        title="operations, 6 N D",
        type="log",
        dtick=1,
        showgrid=False,
        zeroline=False,
        exponentformat="power",
    )
    figure.update_yaxes(title=printed(score), gridcolor=palette.grid, type="log")
    figure.update_yaxes(tickvals=[0.5, 0.6, 0.8, 1, 1.5, 2, 3, 4, 6, 8, 12])
    return dress(figure, palette, height=460).update_layout(showlegend=True)
