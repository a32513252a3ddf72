"""Scores over training: a panel a measure, a line a run, with intervals."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.figures.style import dress
from app.text import in_plotly
from app.theme import Palette, mixed

Point = tuple[float, float, float, float]
"""Step, mean, and the ends of its interval."""


def score_curves(
    panels: Mapping[str, Mapping[str, Sequence[Point]]],
    people: Mapping[str, float],
    palette: Palette,
) -> go.Figure:
    """Draw `panels[measure][run]` over steps, and the shipped stories' mean as a dotted line."""
    figure = make_subplots(rows=1, cols=len(panels), subplot_titles=[in_plotly(n) for n in panels])
    colours = (palette.plus, palette.minus)
    for column, (measure, runs) in enumerate(panels.items(), 1):
        for (name, points), colour in zip(runs.items(), colours, strict=False):
            figure.add_scatter(
                x=[step for step, *_ in points],
                y=[mean for _, mean, *_ in points],
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [high - mean for _, mean, _, high in points],
                    "arrayminus": [mean - low for _, mean, low, _ in points],
                    "color": mixed(colour, palette.grid, 0.6),
                    "thickness": 1.5,
                    "width": 0,
                },
                mode="lines+markers",
                line={"color": colour, "width": 2},
                marker={"size": 6},
                name=in_plotly(name),
                showlegend=column == 1,
                hovertemplate="step %{x}: %{y:.2f}<extra></extra>",
                row=1,
                col=column,
            )
        if measure in people:
            figure.add_hline(
                y=people[measure],
                line={"color": palette.muted, "width": 1, "dash": "dot"},
                row=1,
                col=column,
            )
    figure.update_xaxes(type="log", title="step", gridcolor=palette.grid, zeroline=False)
    figure.update_yaxes(gridcolor=palette.grid, zeroline=False)
    figure.update_annotations(font_size=13)
    dress(figure, palette, height=250)
    several = max(map(len, panels.values()), default=0) > 1
    return figure.update_layout(
        showlegend=several,
        margin_t=60 if several else 36,
        legend={"orientation": "h", "y": 1.32, "yanchor": "top", "x": 0},
    )
