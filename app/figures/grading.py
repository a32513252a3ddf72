"""How grades are spread."""

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.figures.style import dress
from app.theme import Palette

FULL = 10


def distributions(rows: Sequence[tuple[str, Sequence[int]]], palette: Palette) -> go.Figure:
    """For each (name, how many grades of 0, of 1, … of 10) bars of its own, all on one scale."""
    figure = make_subplots(
        1, len(rows), shared_yaxes=True, subplot_titles=[name for name, _ in rows],
        horizontal_spacing=0.03,
    )  # fmt: skip
    for column, (name, counts) in enumerate(rows, 1):
        figure.add_trace(
            go.Bar(
                x=list(range(FULL + 1)),
                y=list(counts),
                marker={"color": palette.plus},
                hovertemplate=f"{name} %{{x}}: %{{y}} grades<extra></extra>",
                showlegend=False,
            ),
            row=1,
            col=column,
        )
    figure.update_xaxes(
        range=[-0.6, FULL + 0.6], tickvals=[0, 5, FULL], showgrid=False, zeroline=False
    )
    figure.update_yaxes(gridcolor=palette.grid, zeroline=False, rangemode="tozero", nticks=4)
    figure.update_yaxes(title="how many grades", col=1)
    figure.update_annotations(font={"size": 12, "color": palette.muted})
    dress(figure, palette, height=170)
    return figure.update_layout(bargap=0.15, margin={"t": 24, "b": 28})
