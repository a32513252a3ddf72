"""Attention from query words to key words as a matrix, beside the same at shuffled places."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from plotly.subplots import make_subplots

from app.figures.style import brightened, dress, printed, rounded_up
from app.theme import Palette, along, ink_on

TITLES = ("attention", "at shuffled places")
WIDE = 8
"""Letters of a key's name that need more room than its column has on a phone."""


def word_matrices(
    found: Float[np.ndarray, "query key"],
    shuffled: Float[np.ndarray, "query key"],
    queries: Sequence[str],
    keys: Sequence[str],
    palette: Palette,
    where: str,
) -> go.Figure:
    """Draw both matrices on one scale: a row for each query word, a column for each key word."""
    figure = make_subplots(
        cols=2,
        shared_yaxes=True,
        horizontal_spacing=0.04,
        subplot_titles=(f"<b>{where}</b>: {TITLES[0]}", TITLES[1]),
    )
    full = rounded_up(float(np.nanmax([found, shuffled])), 0.01)
    for column, values in enumerate((found, shuffled), 1):
        colours = [
            [along(palette.sequential, (max(value, 0.0) / full) ** 0.5) for value in row]
            for row in np.nan_to_num(values)
        ]
        figure.add_trace(
            go.Heatmap(
                z=values.tolist(),
                x=[printed(key) for key in keys],
                y=[printed(query) for query in queries],
                zmin=0,
                zmax=full,
                colorscale=brightened(palette.sequential),
                showscale=False,
                xgap=2,
                ygap=2,
                hovertemplate=f"“%{{y}}” to “%{{x}}”, {TITLES[column - 1]}: %{{z:.1%}}<extra></extra>",
            ),
            row=1,
            col=column,
        )
        for (row, key), value in np.ndenumerate(values):
            if not np.isnan(value):
                figure.add_annotation(
                    x=key,
                    y=row,
                    text=f"{value:.1%}",
                    showarrow=False,
                    font={"size": 12, "color": ink_on(colours[row][key])},
                    row=1,
                    col=column,
                )
    lower = (False, max(map(len, keys)) > WIDE)  # every other name stands a line lower
    figure.update_xaxes(
        showgrid=False,
        zeroline=False,
        tickangle=0,
        tickfont={"size": 11},
        tickvals=list(range(len(keys))),
        ticktext=[("<br>" if lower[at % 2] else "") + printed(key) for at, key in enumerate(keys)],
    )
    figure.update_yaxes(autorange="reversed", showgrid=False, zeroline=False)
    figure.update_annotations(selector={"yref": "paper"}, font_size=12)
    dress(figure, palette, height=56 + 25 * len(queries))
    return figure.update_layout(margin={"t": 22, "b": 34, "l": 40}, dragmode=False)
