"""Figures of grade distributions."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.style import dress, write_in_cells
from app.theme import Palette, along

FULL = 10


def distributions(rows: Sequence[tuple[str, Sequence[int]]], palette: Palette) -> go.Figure:
    """Draw a row of squares with counts for each (name, number of grades of 0, 1, … 10)."""
    counts = np.array([row for _, row in rows], dtype=float)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    scale = palette.sequential
    full = float(max(shares.max(), 1e-6))
    figure = go.Figure(
        go.Heatmap(
            z=shares.round(4).tolist(),
            x=[str(grade) for grade in range(FULL + 1)],
            y=[name for name, _ in rows],
            text=[["" if count == 0 else f"{count:.0f}" for count in row] for row in counts],
            zmin=0,
            zmax=full,
            colorscale=[[at / (len(scale) - 1), colour] for at, colour in enumerate(scale)],
            showscale=False,
            xgap=2,
            ygap=2,
            hovertemplate="%{y} %{x}: %{text}, %{z:.0%} of the grades<extra></extra>",
        )
    )
    write_in_cells(
        figure,
        [
            (str(grade), name, f"{count}", along(scale, share / full))
            for (name, row), line in zip(rows, shares.tolist(), strict=True)
            for grade, (count, share) in enumerate(zip(row, line, strict=True))
            if count
        ],
    )
    figure.update_xaxes(title="grade", type="category", showgrid=False, zeroline=False)
    figure.update_yaxes(autorange="reversed", showgrid=False, zeroline=False)
    dress(figure, palette, height=70 + 30 * len(rows))
    return figure.update_layout(margin={"t": 4})
