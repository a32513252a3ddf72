"""Figures of training: loss curves, and parameters by part."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from app.figures.style import dress
from app.text import in_plotly
from app.theme import Palette


def loss_curve(
    train: Sequence[tuple[float, float]],
    valid: Sequence[tuple[float, float]],
    palette: Palette,
    unit: str = "nats per token",
) -> go.Figure:
    """Draw loss over tokens read: training as a faint line, validation at each checkpoint."""
    figure = go.Figure()
    if train:
        figure.add_scatter(
            x=[at for at, _ in train],
            y=[loss for _, loss in train],
            mode="lines",
            name="train",
            line={"color": palette.muted, "width": 1},
        )
    figure.add_scatter(
        x=[at for at, _ in valid],
        y=[loss for _, loss in valid],
        mode="lines+markers",
        name="validation",
        line={"color": palette.plus, "width": 2},
        marker={"size": 6},
    )
    figure.update_traces(hovertemplate=f"%{{y:.3f}} {unit} after %{{x:.3s}} tokens")
    figure.update_xaxes(title="tokens read", showgrid=False, zeroline=False, tickformat="~s")
    figure.update_yaxes(title=f"loss ({unit})", gridcolor=palette.grid)
    return dress(figure, palette, height=320)


def parts(counts: Mapping[str, int], palette: Palette) -> go.Figure:
    """Draw the parameter count as one bar, cut by part."""
    figure = go.Figure()
    for index, (name, count) in enumerate(counts.items()):
        figure.add_bar(
            y=[""],
            x=[count],
            name=name,
            orientation="h",
            marker={
                "color": palette.plus,
                "opacity": 1 - 0.85 * index / max(1, len(counts) - 1),
                "line": {"width": 0},
            },
            hovertemplate=f"{in_plotly(name)}: {count:,} parameters<extra></extra>",
        )
    figure.update_layout(barmode="stack", showlegend=False)
    figure.update_xaxes(visible=False, range=[0, sum(counts.values())])
    figure.update_yaxes(visible=False)
    dress(figure, palette, height=26)
    return figure.update_layout(margin={"l": 0, "r": 0, "t": 4, "b": 4})
