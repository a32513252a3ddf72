"""Figures of a prediction: parts as bars, heads as a map, stages along the story."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from app.figures.style import dress, ends, positions, printed, rounded_up, token_axis
from app.text import in_plotly
from app.theme import Palette

WORDS_ON_AXIS = 40


def bars(names: Sequence[str], values: Sequence[float], palette: Palette, axis: str) -> go.Figure:
    """Draw a bar for each name (all different), the first on top: blue above zero, orange below."""
    figure = go.Figure(
        go.Bar(
            x=list(values),
            y=[printed(name) for name in names],
            orientation="h",
            marker={"color": [palette.plus if v >= 0 else palette.minus for v in values]},
            text=[f"{value:+.2f}" for value in values],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:+.4f}<extra></extra>",
        )
    )
    low, high = ends(values)
    room = 0.18 * max(high - low, 1e-6)  # for the numbers at the ends of the bars
    figure.update_xaxes(
        title=in_plotly(axis),
        gridcolor=palette.grid,
        zerolinecolor=palette.muted,
        range=[low - room if low < 0 else low, high + room],
    )
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    return dress(figure, palette, height=90 + 22 * len(names))


def stages(
    names: Sequence[str], probabilities: Sequence[float], says: Sequence[str], palette: Palette
) -> go.Figure:
    """Draw the word's probability after each stage, with each stage's most probable token."""
    figure = go.Figure(
        go.Bar(
            x=list(probabilities),
            y=list(names),
            orientation="h",
            marker={"color": palette.plus},
            text=[f"says \u201c{printed(str_token)}\u201d" for str_token in says],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.2%}<extra></extra>",
        )
    )
    top = rounded_up(max(probabilities, default=0), 0.01)
    figure.update_xaxes(
        title="probability of the word",
        range=[0, 1.35 * top],
        tickformat="~%",
        gridcolor=palette.grid,
        zeroline=False,
    )
    figure.update_yaxes(showgrid=False)
    return dress(figure, palette, height=90 + 24 * len(names))


def story_by_stage(
    probability: Float[np.ndarray, "stage pos"],
    stage_names: Sequence[str],
    str_tokens: Sequence[str],
    palette: Palette,
) -> go.Figure:
    """Draw each token's probability by stage along the story."""
    names = positions(str_tokens)
    figure = go.Figure(
        go.Heatmap(
            z=probability[:, 1:].astype(np.float16).astype(np.float32).round(4),
            x=names[1:],
            y=list(stage_names),
            zmin=0,
            zmax=1,
            colorscale=[[at / 5, colour] for at, colour in enumerate(palette.sequential)],
            colorbar={"title": {"text": "probability"}, "thickness": 8, "outlinewidth": 0},
            hovertemplate="%{y}<br><b>%{x}</b>: %{z:.1%}<extra></extra>",
        )
    )
    figure.update_xaxes(
        title="token predicted",
        **token_axis(str_tokens),
        tickangle=-90,
        showgrid=False,
        tickfont={"size": 10},
    )
    figure.update_yaxes(showgrid=False)
    return dress(figure, palette, height=150 + 20 * len(stage_names))


def by_head(values: Float[np.ndarray, "layer head"], palette: Palette, what: str) -> go.Figure:
    """Draw a square for each head: a row for each layer, the first on top; white is 0."""
    full = rounded_up(float(np.abs(values).max()))
    scale = palette.diverging
    figure = go.Figure(
        go.Heatmap(
            z=values.round(5).tolist(),
            x=[str(head) for head in range(values.shape[1])],
            y=[str(layer) for layer in range(values.shape[0])],
            zmin=-full,
            zmax=full,
            colorscale=[[at / (len(scale) - 1), colour] for at, colour in enumerate(scale)],
            colorbar={"title": {"text": what}, "thickness": 8, "outlinewidth": 0},
            hovertemplate=f"layer %{{y}}, head %{{x}}<br>{what} %{{z:+.4f}}<extra></extra>",
        )
    )
    figure.add_scatter(  # a click is told of marks only, never of a heat map's squares
        x=[str(head) for _ in range(values.shape[0]) for head in range(values.shape[1])],
        y=[str(layer) for layer in range(values.shape[0]) for _ in range(values.shape[1])],
        customdata=[list(place) for place in np.ndindex(*values.shape)],
        mode="markers",
        marker={"size": 22, "symbol": "square", "color": "rgba(0,0,0,0)"},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        text=[f"{value:+.4f}" for value in values.ravel()],
        hovertemplate=f"layer %{{y}}, head %{{x}}<br>{what} %{{text}}<extra></extra>",
        showlegend=False,
    )
    layers, heads = values.shape
    figure.update_xaxes(
        title="head", showgrid=False, zeroline=False, type="category", range=[-0.5, heads - 0.5]
    )
    figure.update_yaxes(
        title="layer", showgrid=False, zeroline=False, type="category", range=[layers - 0.5, -0.5]
    )
    return dress(figure, palette, height=130 + 30 * values.shape[0])


def restored_map(
    share: Float[np.ndarray, "layer pos"],
    str_tokens: Sequence[str],
    other: Sequence[str],
    palette: Palette,
) -> go.Figure:
    """Draw what each patch restores: a column for each token, the layers from the bottom up.

    A token that differs between the two prompts is named by both.
    """
    names = positions(str_tokens)
    words = [
        printed(str_token)
        if str_token == instead
        else f"<b>{printed(str_token)}</b> for {printed(instead)}"
        for str_token, instead in zip(str_tokens, other, strict=True)
    ]
    every = max(1, -(-len(names) // WORDS_ON_AXIS))
    kept = [at for at in range(len(names)) if at % every == 0 or str_tokens[at] != other[at]]
    full = rounded_up(float(np.abs(share).max()), 1.0)
    scale = palette.diverging
    figure = go.Figure(
        go.Heatmap(
            z=share.round(4).tolist(),
            x=names,
            y=[str(layer) for layer in range(len(share))],
            zmin=-full,
            zmax=full,
            colorscale=[[at / (len(scale) - 1), colour] for at, colour in enumerate(scale)],
            colorbar={"title": {"text": "restored"}, "thickness": 8, "outlinewidth": 0},
            hovertemplate="layer %{y}, at <b>%{x}</b><br>restored %{z:+.1%}<extra></extra>",
        )
    )
    figure.update_xaxes(
        title="token filled in",
        tickmode="array",
        tickvals=[names[at] for at in kept],
        ticktext=[words[at] for at in kept],
        tickangle=-90,
        showgrid=False,
        zeroline=False,
        tickfont={"size": 10},
    )
    figure.update_yaxes(title="layer", showgrid=False, zeroline=False, type="category")
    return dress(figure, palette, height=190 + 24 * len(share))
