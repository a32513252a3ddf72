"""Figures of copying and novelty."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from app.figures.style import dress
from app.text import in_plotly
from app.theme import Palette
from slm.stats.interval import Interval

Line = Sequence[tuple[float | str, Interval]]


def histograms(
    values: Mapping[str, Sequence[float | None]], palette: Palette, axis: str, *, share: bool = True
) -> go.Figure:
    """Draw a histogram in per cent for each kind of ending, its mean as a line."""
    figure = go.Figure()
    inks = (palette.plus, palette.other, palette.muted)
    for (name, found), ink in zip(values.items(), inks, strict=False):
        known = [value for value in found if value is not None]
        if not known:
            continue
        figure.add_histogram(
            x=known,
            name=in_plotly(name),
            histnorm="percent",
            marker={"color": ink, "line": {"width": 0}},
            opacity=0.7,
            xbins={"start": 0, "end": 1.0001, "size": 0.05} if share else None,
            hovertemplate="%{x}: %{y:.0f} of 100<extra></extra>",
        )
        figure.add_vline(sum(known) / len(known), line={"color": ink, "width": 2, "dash": "dot"})
    figure.update_layout(barmode="group", bargap=0.1)
    figure.update_xaxes(title=axis, showgrid=False, zeroline=False)
    figure.update_yaxes(title="of 100 endings", gridcolor=palette.grid, zeroline=False)
    return dress(figure, palette, height=300)


def new_curves(
    lines: Mapping[str, Line], people: Line, palette: Palette, axis: str, *, named: bool = False
) -> go.Figure:
    """Draw the share of new n-grams, a line for each name, people's dashed; bars are 95 %."""
    figure = go.Figure()
    inks = (palette.plus, palette.minus, palette.other, *palette.sequential[2:5])
    styled = [
        (name, line, inks[n % len(inks)], "solid") for n, (name, line) in enumerate(lines.items())
    ]
    for name, line, ink, dash in [*styled, ("people", people, palette.muted, "dash")]:
        figure.add_scatter(
            x=[str(at) if named else at for at, _ in line],
            y=[value.mean for _, value in line],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [value.high - value.mean for _, value in line],
                "arrayminus": [value.mean - value.low for _, value in line],
                "color": ink,
                "thickness": 1.2,
                "width": 3,
            },
            mode="lines+markers",
            name=in_plotly(name),
            line={"color": ink, "width": 2, "dash": dash},
            hovertemplate="%{y:.3f}<extra>" + in_plotly(name) + "</extra>",
        )
    figure.update_xaxes(
        title=axis, showgrid=False, zeroline=False, type="category" if named else "linear"
    )
    figure.update_yaxes(title="share that is new", range=[-0.02, 1.02], gridcolor=palette.grid)
    return dress(figure, palette, height=320)
