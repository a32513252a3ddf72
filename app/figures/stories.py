"""Figures of a corpus: lengths, growth of the vocabulary, openings, loss by story."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from app.figures.style import dress
from app.text import in_plotly
from app.theme import Palette

HEIGHT = 260


def lengths(words: Sequence[int], palette: Palette) -> go.Figure:
    """Draw a histogram of story lengths in words, their median as a line."""
    figure = go.Figure(
        go.Histogram(
            x=list(words),
            nbinsx=40,
            marker={"color": palette.plus, "line": {"width": 0}},
            hovertemplate="%{x} words: %{y} stories<extra></extra>",
        )
    )
    middle = sorted(words)[len(words) // 2]
    figure.add_vline(
        middle,
        line={"color": palette.minus, "width": 2, "dash": "dot"},
        annotation_text=f"median {middle}",
        annotation_font_color=palette.minus,
    )
    figure.update_xaxes(title="words of a story", showgrid=False, zeroline=False)
    figure.update_yaxes(title="stories", gridcolor=palette.grid, zeroline=False)
    return dress(figure, palette, height=HEIGHT).update_layout(margin={"t": 24})


def growth(points: Sequence[tuple[int, int]], palette: Palette) -> go.Figure:
    """Draw how many different words have come after how many words were read."""
    figure = go.Figure(
        go.Scatter(
            x=[words for words, _ in points],
            y=[distinct for _, distinct in points],
            mode="lines",
            line={"color": palette.plus, "width": 2},
            hovertemplate="%{y:,} different words after %{x:,}<extra></extra>",
        )
    )
    figure.update_xaxes(title="words read", showgrid=False, zeroline=False, tickformat="~s")
    figure.update_yaxes(title="different words", gridcolor=palette.grid, rangemode="tozero")
    return dress(figure, palette, height=HEIGHT)


def counted(rows: Sequence[tuple[str, float]], palette: Palette, axis: str) -> go.Figure:
    """Draw a bar for each (name, number), the first on top."""
    figure = go.Figure(
        go.Bar(
            x=[number for _, number in rows],
            y=[in_plotly(name) for name, _ in rows],
            orientation="h",
            marker={"color": palette.plus},
            hovertemplate="%{y}: %{x:,}<extra></extra>",
        )
    )
    figure.update_xaxes(title=axis, gridcolor=palette.grid, zeroline=False)
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    return dress(figure, palette, height=90 + 21 * len(rows))


def losses(models: Mapping[str, Sequence[float]], palette: Palette) -> go.Figure:
    """Draw a histogram of stories' bits per byte for each model, its mean as a line."""
    figure = go.Figure()
    for (name, found), ink in zip(models.items(), (palette.plus, palette.other), strict=False):
        figure.add_histogram(
            x=list(found),
            name=in_plotly(name),
            marker={"color": ink, "line": {"width": 0}},
            opacity=0.7,
            nbinsx=30,
            hovertemplate="%{x} bits per byte: %{y} stories<extra></extra>",
        )
        figure.add_vline(sum(found) / len(found), line={"color": ink, "width": 2, "dash": "dot"})
    figure.update_layout(barmode="overlay", showlegend=len(models) > 1)
    figure.update_xaxes(title="bits per byte of a story", showgrid=False, zeroline=False)
    figure.update_yaxes(title="stories", gridcolor=palette.grid, zeroline=False)
    return dress(figure, palette, height=HEIGHT)
