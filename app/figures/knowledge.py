"""Figures of knowledge scores by kind of prompt, beside chance."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from app.figures.style import dress
from app.text import in_plotly
from app.theme import Palette
from slm.stats.interval import Interval

Bar = tuple[str, Interval | None, Interval | None]
"""What is measured, its value, and what chance gives."""


def knowledge(
    found: Mapping[str, Sequence[Bar]],
    palette: Palette,
    axis: str = "share of prompts answered (almost right counts half)",
) -> go.Figure:
    """Draw a dot with its interval for each model and kind, and a hollow one at chance."""
    figure = go.Figure()
    inks = [palette.plus, palette.other, palette.minus, palette.muted]
    spread = 0.7 / max(1, len(found))
    for number, (address, bars) in enumerate(found.items()):
        at = [place + spread * (number - (len(found) - 1) / 2) for place in range(len(bars))]
        ink = inks[number % len(inks)]
        for which, name in ((1, in_plotly(address)), (2, "by chance")):
            known = [(x, bar[0], bar[which]) for x, bar in zip(at, bars, strict=True)]
            shown = [(x, title, value) for x, title, value in known if isinstance(value, Interval)]
            figure.add_scatter(
                x=[value.mean for _, _, value in shown],
                y=[x for x, _, _ in shown],
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [value.high - value.mean for _, _, value in shown],
                    "arrayminus": [value.mean - value.low for _, _, value in shown],
                    "color": ink if which == 1 else palette.muted,
                    "thickness": 2 if which == 1 else 1,
                    "width": 4,
                },
                mode="markers",
                name=name,
                legendgroup=name,
                showlegend=which == 1 or number == 0,
                marker={
                    "size": 11 if which == 1 else 8,
                    "color": ink if which == 1 else palette.muted,
                    "symbol": "circle" if which == 1 else "circle-open",
                },
                customdata=[in_plotly(title) for _, title, _ in shown],
                hovertemplate=f"%{{customdata}}, {name}: %{{x:.2f}}<extra></extra>",
            )
    titles = [in_plotly(bar[0]) for bar in next(iter(found.values()))] if found else []
    figure.update_xaxes(
        title=axis,
        range=[-0.02, 1.02],
        gridcolor=palette.grid,
        zeroline=False,
    )
    figure.update_yaxes(
        tickvals=list(range(len(titles))), ticktext=titles, autorange="reversed", showgrid=False
    )
    return dress(figure, palette, height=120 + 40 * len(titles) * max(1, len(found) // 2))
