"""Figures of attention patterns: every head small, one head large."""

import base64
import struct
import zlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Float32, UInt8

from app.figures.style import brightened, dress, positions, token_axis
from app.theme import Palette

THUMBNAIL = 48
"""Pixels of a thumbnail's side; a longer story shows the strongest attention of each patch."""
GAP = 4
GROUND = 26
"""The least level of a thumbnail, of 255: it is told apart from the page on which it lies."""


def attention_map(
    pattern: Float32[np.ndarray, "query key"],
    str_tokens: Sequence[str],
    palette: Palette,
    how: str = "attention",
    height: int = 540,
) -> go.Figure:
    """Draw one head's attention pattern: a row for each query token, a column for each key token.

    `how` says what the weights are, in words. `height` is in pixels, for a column about as wide.
    """
    names = positions(str_tokens)
    figure = go.Figure(
        pattern_trace(
            pattern,
            names,
            palette,
            hovertemplate="<b>%{y}</b> looks at <b>%{x}</b><br>"
            f"{how}: %{{z:.1%}}<extra></extra>",
            colorbar={
                "title": {"text": how, "side": "top", "font": {"size": 12}},
                "orientation": "h",
                "thickness": 7,
                "len": 0.4,
                "x": 0.98,
                "xanchor": "right",
                "y": 0.97,
                "yanchor": "top",
                "tickvals": [0, 0.5, 1],
                "tickangle": 0,
                "tickformat": ".0%",
                "tickfont": {"size": 10},
                "outlinewidth": 0,
            },
        )
    )
    axis = {
        **token_axis(str_tokens),
        "showgrid": False,
        "zeroline": False,
        "tickfont": {"size": 10, "family": "Source Serif, Georgia, serif"},
        "constrain": "domain",
    }
    figure.update_xaxes(title="key token (is looked at)", tickangle=-90, **axis)
    figure.update_yaxes(
        title="query token (looks)", autorange="reversed", scaleanchor="x", scaleratio=1, **axis
    )
    return dress(figure, palette, height=height).update_layout(plot_bgcolor=palette.unseen)


def pattern_trace(
    pattern: Float[np.ndarray, "query key"], names: Sequence[str], palette: Palette, **more: Any
) -> go.Heatmap:
    """Draw one head's attention pattern, empty where a token cannot look; `more` goes to the trace."""
    return go.Heatmap(
        z=np.where(np.tri(*pattern.shape) > 0, pattern, np.nan).astype(np.float32),
        x=names,
        y=names,
        zmin=0,
        zmax=1,
        colorscale=brightened(palette.sequential),
        hoverongaps=False,
        **more,
    )


def thumbnails(
    pattern: Float32[np.ndarray, "layer head query key"],
    palette: Palette,
    selected: tuple[int, int] | None,
    *,
    order: Sequence[tuple[int, int]] = (),
    captions: Sequence[str] = (),
    columns: int = 8,
) -> go.Figure:
    """Draw every head as a small picture: one PNG, under invisible marks to hover and click.

    In `order` they stand row by row, whatever their layer; `captions` stand in place of their names.
    Heads of one layer, and those in `order`, stand in rows of `columns`.
    """
    every = order or list(np.ndindex(pattern.shape[:2]))
    if order:
        pattern = pattern[tuple(zip(*order, strict=True))][None]
    captions = captions or [f"{layer}.{head}" for layer, head in every]
    n_layers, n_heads = pattern.shape[:2]
    image, places = mosaic(pattern, n_heads if n_layers > 1 else min(n_heads, columns))
    high, wide = image.shape
    source = png(image, palette.sequential)
    side = image_side(pattern)
    figure = go.Figure(
        go.Scatter(
            x=[x + side / 2 for x, _ in places],
            y=[y + side / 2 for _, y in places],
            customdata=[list(one) for one in every],
            mode="markers",
            marker={"size": 22, "symbol": "square", "color": "rgba(0,0,0,0)"},
            selected={"marker": {"opacity": 0}},
            unselected={"marker": {"opacity": 0}},
            hovertemplate="layer %{customdata[0]}, head %{customdata[1]}<extra></extra>",
        )
    )
    figure.add_scatter(  # layer.head, in the corner that no token can look into
        x=[x + side for x, _ in places],
        y=[y for _, y in places],
        text=captions,
        mode="text",
        textposition="bottom left",
        textfont={"size": 10, "color": palette.text},
        unselected={"textfont": {"color": palette.text}},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.update_layout(showlegend=False)
    figure.add_layout_image(
        source=f"data:image/png;base64,{base64.b64encode(source).decode()}",
        xref="x",
        yref="y",
        x=0,
        y=0,
        sizex=wide,
        sizey=high,
        sizing="stretch",
        layer="below",
    )
    if selected is not None:
        chosen = places[every.index(selected)]
        figure.add_shape(
            type="rect",
            x0=chosen[0] - 1.5,
            y0=chosen[1] - 1.5,
            x1=chosen[0] + side + 1.5,
            y1=chosen[1] + side + 1.5,
            line={"color": palette.minus, "width": 2},
        )
    figure.update_xaxes(visible=False, range=[-2, wide + 2], fixedrange=True)
    figure.update_yaxes(
        visible=False, range=[high + 2, -2], fixedrange=True, scaleanchor="x", scaleratio=1
    )
    dress(figure, palette, height=round(380 * high / wide) + 4)
    return figure.update_layout(
        margin={"l": 0, "r": 0, "t": 2, "b": 2},
        hoverdistance=-1,
        clickmode="event+select",
        dragmode=False,
    )


def mosaic(
    pattern: Float32[np.ndarray, "layer head query key"], columns: int
) -> tuple[UInt8[np.ndarray, "y x"], list[tuple[int, int]]]:
    """Tile all heads into one picture, `columns` to a row; return it with each one's x, y.

    A long story's square is shrunk by the maximum of each patch, so that no strong look is lost, and
    brightened by a square root, so that spread-out attention is seen at all.
    """
    n_layers, n_heads, n_tokens, _ = pattern.shape
    side = image_side(pattern)
    rows_each = -(-n_heads // columns)
    wide = min(columns, n_heads) * (side + GAP) - GAP
    high = n_layers * rows_each * (side + GAP) - GAP
    image = np.zeros((high, wide), dtype=np.uint8)
    edges = [*np.linspace(0, n_tokens, side, endpoint=False).astype(int).tolist(), n_tokens]
    by_row = np.stack([pattern[:, :, i:j].max(2) for i, j in pairwise(edges)], axis=-1)
    small = np.stack([by_row[:, :, i:j].max(2) for i, j in pairwise(edges)], axis=-1)
    bright = np.rint(np.sqrt(np.clip(small, 0, 1)) * 255).astype(np.uint8)
    places = []
    for layer in range(n_layers):
        for head in range(n_heads):
            x = head % columns * (side + GAP)
            y = (layer * rows_each + head // columns) * (side + GAP)
            image[y : y + side, x : x + side] = np.maximum(bright[layer, head], GROUND)
            places.append((x, y))
    return image, places


def image_side(pattern: Float32[np.ndarray, "layer head query key"]) -> int:
    """Return the pixels of a thumbnail's side, at most the number of tokens."""
    return min(THUMBNAIL, pattern.shape[2])


def png(image: UInt8[np.ndarray, "y x"], colours: Sequence[str]) -> bytes:
    """Encode an 8-bit PNG whose 256 levels run along `colours`."""
    high, wide = image.shape
    stops = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colours], dtype=float)
    at = np.linspace(0, len(colours) - 1, 256)
    table = np.stack(
        [np.interp(at, np.arange(len(colours)), stops[:, i]) for i in range(3)], axis=1
    )
    lines = np.concatenate([np.zeros((high, 1), np.uint8), image], axis=1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", wide, high, 8, 3, 0, 0, 0))
        + chunk(b"PLTE", np.rint(table).astype(np.uint8).tobytes())
        + chunk(b"IDAT", zlib.compress(lines.tobytes(), 6))
        + chunk(b"IEND", b"")
    )
