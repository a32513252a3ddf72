"""Numbers with how sure one can be of them."""

from collections.abc import Sequence

import plotly.graph_objects as go

from app.figures.style import dress
from app.text import in_plotly
from app.theme import Palette


def intervals(
    rows: Sequence[tuple[str, float, float, float]],
    palette: Palette,
    axis: str,
    limits: tuple[float, float],
    mark: float | None = None,
) -> go.Figure:
    """Draw a dot with its interval for each (name, mean, low, high), and a line at `mark`."""
    figure = go.Figure(
        go.Scatter(
            x=[mean for _, mean, _, _ in rows],
            y=[in_plotly(name) for name, *_ in rows],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [high - mean for _, mean, _, high in rows],
                "arrayminus": [mean - low for _, mean, low, _ in rows],
                "color": palette.plus,
                "thickness": 2,
                "width": 6,
            },
            mode="markers",
            marker={"size": 11, "color": palette.plus},
            hovertemplate="%{y}: %{x:.2f}<extra></extra>",
        )
    )
    figure.update_xaxes(
        title=in_plotly(axis), range=list(limits), gridcolor=palette.grid, zeroline=False
    )
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    if mark is not None:
        figure.add_vline(mark, line={"color": palette.muted, "width": 1, "dash": "dot"})
    return dress(figure, palette, height=90 + 44 * len(rows))
