"""The table of width and depth, and scores over training."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.style import dress, printed
from app.theme import Palette


def table(
    values: Mapping[tuple[int, int], float],
    shades: Mapping[tuple[int, int], float],
    palette: Palette,
    score: str,
) -> go.Figure:
    """A cell for each (width, layers), written a/b: the score, and its place between worst and best.

    `shades` are those places, 0 to 1; they colour the cells.
    """
    widths = sorted({width for width, _ in values})
    depths = sorted({layers for _, layers in values})
    z = [[shades.get((width, layers), np.nan) for width in widths] for layers in depths]
    text = [
        [
            f"{values[width, layers]:.3g}/{shades[width, layers]:.2f}"
            if (width, layers) in values
            else ""
            for width in widths
        ]
        for layers in depths
    ]
    figure = go.Figure(
        go.Heatmap(
            z=z,
            x=[f"{width} wide" for width in widths],
            y=[f"{layers} layer{'s' if layers > 1 else ''}" for layers in depths],
            text=text,
            texttemplate="%{text}",
            textfont={"size": 16},
            colorscale=list(palette.sequential[1:4]),  # the darkest would hide the text
            zmin=0,
            zmax=1,
            xgap=3,
            ygap=3,
            showscale=False,
            hovertemplate=f"%{{x}}, %{{y}}: {printed(score)} %{{text}}<extra></extra>",
        )
    )
    figure.update_xaxes(title="width (d_model)", showgrid=False, side="top")
    figure.update_yaxes(title="depth", showgrid=False, autorange="reversed")
    return dress(figure, palette, height=130 + 64 * len(depths))


def over_training(
    curves: Mapping[str, Sequence[tuple[float, float, float, float]]],
    palette: Palette,
    score: str,
) -> go.Figure:
    """A line a run: (tokens read, score, and the interval's ends), with bars for the intervals."""
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
