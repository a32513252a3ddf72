"""Arrays to plotly figures. Knows neither streamlit nor torch, and trusts no text it is given.

Token text comes from users and models, and plotly reads some HTML: everything printed here goes
through `printed`. A token that occurs twice is two positions, never one.
"""

import base64
import html
import struct
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float32, UInt8

from app.theme import Palette

FONT = "Source Sans, Helvetica, Arial, sans-serif"
THUMBNAIL = 48
"""Pixels of a thumbnail's side; a longer story shows the strongest attention of each patch."""
GAP = 4
WORDS_ON_AXIS = 40
END = "<|endoftext|>"


def config(name: str) -> dict[str, object]:
    """Plotly's toolbar: one button saves the figure as SVG under `name`."""
    return {
        "displaylogo": False,
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
        "toImageButtonOptions": {"format": "svg", "filename": name},
    }


def printed(piece: str) -> str:
    """`piece` as one visible line that plotly takes for text, never for markup."""
    if piece == END:
        return "▸"
    visible = piece.replace("\n", "⏎").replace("\t", "⇥")
    return html.escape(visible.strip(" ") or "␣" * len(visible), quote=False)


def positions(pieces: Sequence[str]) -> list[str]:
    """A name for every position, told apart where pieces repeat: `the · 12`."""
    return [f"{printed(piece)} · {index}" for index, piece in enumerate(pieces)]


def attention_map(
    pattern: Float32[np.ndarray, "query key"], pieces: Sequence[str], palette: Palette
) -> go.Figure:
    """One head: a row for each token that looks, a column for each token looked at."""
    names = positions(pieces)
    every = max(1, -(-len(names) // WORDS_ON_AXIS))
    shown = names[::every]
    words = [printed(piece) for piece in pieces][::every]
    figure = go.Figure(
        go.Heatmap(
            z=np.where(np.tri(*pattern.shape) > 0, pattern, np.nan).astype(np.float32),
            x=names,
            y=names,
            zmin=0,
            zmax=1,
            colorscale=_brightened(palette.sequential),
            hoverongaps=False,
            hovertemplate="<b>%{y}</b> looks at <b>%{x}</b><br>%{z:.1%} of its attention"
            "<extra></extra>",
            colorbar={
                "title": {"text": "attention", "side": "top", "font": {"size": 12}},
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
        "tickmode": "array",
        "tickvals": shown,
        "ticktext": words,
        "showgrid": False,
        "zeroline": False,
        "tickfont": {"size": 10, "family": "Source Serif, Georgia, serif"},
        "constrain": "domain",
    }
    figure.update_xaxes(title="token looked at", tickangle=-90, **axis)
    figure.update_yaxes(
        title="token that looks", autorange="reversed", scaleanchor="x", scaleratio=1, **axis
    )
    return _dress(figure, palette, height=540)


def thumbnails(
    pattern: Float32[np.ndarray, "layer head query key"],
    palette: Palette,
    selected: tuple[int, int],
) -> go.Figure:
    """Every head as a small picture: one PNG, and over it invisible marks to hover and click."""
    n_layers, n_heads = pattern.shape[:2]
    image, places = mosaic(pattern, n_heads if n_layers > 1 else min(n_heads, 8))
    high, wide = image.shape
    source = png(image, palette.sequential)
    side = image_side(pattern)
    chosen = places[selected[0] * n_heads + selected[1]]
    figure = go.Figure(
        go.Scatter(
            x=[x + side / 2 for x, _ in places],
            y=[y + side / 2 for _, y in places],
            customdata=[[i // n_heads, i % n_heads] for i in range(n_layers * n_heads)],
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
        text=[f"{i // n_heads}.{i % n_heads}" for i in range(n_layers * n_heads)],
        mode="text",
        textposition="bottom left",
        textfont={"size": 9, "color": palette.muted},
        unselected={"textfont": {"color": palette.muted}},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.update_layout(showlegend=False)
    figure.add_layout_image(
        source=f"data:image/png;base64,{base64.b64encode(source).decode()}",
        xref="x", yref="y", x=0, y=0, sizex=wide, sizey=high, sizing="stretch", layer="below",
    )  # fmt: skip
    figure.add_shape(
        type="rect", x0=chosen[0] - 1.5, y0=chosen[1] - 1.5,
        x1=chosen[0] + side + 1.5, y1=chosen[1] + side + 1.5,
        line={"color": palette.minus, "width": 2},
    )  # fmt: skip
    figure.update_xaxes(visible=False, range=[-2, wide + 2], fixedrange=True)
    figure.update_yaxes(
        visible=False, range=[high + 2, -2], fixedrange=True, scaleanchor="x", scaleratio=1
    )
    _dress(figure, palette, height=round(380 * high / wide) + 4)
    return figure.update_layout(
        margin={"l": 0, "r": 0, "t": 2, "b": 2}, hoverdistance=-1, clickmode="event+select",
        dragmode=False,
    )  # fmt: skip


def mosaic(
    pattern: Float32[np.ndarray, "layer head query key"], columns: int
) -> tuple[UInt8[np.ndarray, "y x"], list[tuple[int, int]]]:
    """All heads in one picture, `columns` to a row, layer under layer; and each one's x, y.

    A long story's square is shrunk by the maximum of each patch, so that no strong look is lost,
    and brightened by a square root, so that spread-out attention is seen at all.
    """
    n_layers, n_heads, n_tokens, _ = pattern.shape
    side = image_side(pattern)
    rows_each = -(-n_heads // columns)
    wide = min(columns, n_heads) * (side + GAP) - GAP
    high = n_layers * rows_each * (side + GAP) - GAP
    image = np.zeros((high, wide), dtype=np.uint8)
    edges = np.linspace(0, n_tokens, side, endpoint=False).astype(int)
    small = np.maximum.reduceat(np.maximum.reduceat(pattern, edges, axis=2), edges, axis=3)
    bright = np.rint(np.sqrt(np.clip(small, 0, 1)) * 255).astype(np.uint8)
    places = []
    for layer in range(n_layers):
        for head in range(n_heads):
            x = head % columns * (side + GAP)
            y = (layer * rows_each + head // columns) * (side + GAP)
            image[y : y + side, x : x + side] = np.maximum(bright[layer, head], 8)
            places.append((x, y))
    return image, places


def image_side(pattern: Float32[np.ndarray, "layer head query key"]) -> int:
    """Pixels of one thumbnail's side: never more than there are tokens."""
    return min(THUMBNAIL, pattern.shape[2])


def png(image: UInt8[np.ndarray, "y x"], colours: Sequence[str]) -> bytes:
    """An 8-bit PNG whose 256 levels run along `colours`."""
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
        + chunk(b"IDAT", zlib.compress(lines.tobytes(), 9))
        + chunk(b"IEND", b"")
    )


def loss_curve(
    train: Sequence[tuple[float, float]],
    valid: Sequence[tuple[float, float]],
    palette: Palette,
) -> go.Figure:
    """Loss over tokens read: training as a faint line, validation at each checkpoint."""
    figure = go.Figure()
    figure.add_scatter(
        x=[at for at, _ in train],
        y=[loss for _, loss in train],
        mode="lines",
        name="training text",
        line={"color": palette.muted, "width": 1},
    )
    figure.add_scatter(
        x=[at for at, _ in valid],
        y=[loss for _, loss in valid],
        mode="lines+markers",
        name="stories it has never seen",
        line={"color": palette.plus, "width": 2},
        marker={"size": 6},
    )
    figure.update_traces(hovertemplate="%{y:.3f} nats per token after %{x:.3s} tokens")
    figure.update_xaxes(title="tokens read", showgrid=False, zeroline=False, tickformat="~s")
    figure.update_yaxes(title="loss (nats per token)", gridcolor=palette.grid)
    return _dress(figure, palette, height=320)


def parts(counts: Mapping[str, int], palette: Palette) -> go.Figure:
    """What a model's parameters are spent on: one bar, cut by part."""
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
            hovertemplate=f"{html.escape(name)}: {count:,} parameters<extra></extra>",
        )
    figure.update_layout(barmode="stack", showlegend=False)
    figure.update_xaxes(visible=False, range=[0, sum(counts.values())])
    figure.update_yaxes(visible=False)
    _dress(figure, palette, height=26)
    return figure.update_layout(margin={"l": 0, "r": 0, "t": 4, "b": 4})


def intervals(
    rows: Sequence[tuple[str, float, float, float]],
    palette: Palette,
    axis: str,
    limits: tuple[float, float],
) -> go.Figure:
    """A dot with its interval for each (name, mean, low, high)."""
    figure = go.Figure(
        go.Scatter(
            x=[mean for _, mean, _, _ in rows],
            y=[html.escape(name, quote=False) for name, *_ in rows],
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
    figure.update_xaxes(title=axis, range=list(limits), gridcolor=palette.grid, zeroline=False)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return _dress(figure, palette, height=90 + 44 * len(rows))


def _brightened(colours: Sequence[str]) -> list[list[float | str]]:
    """A scale along the square root of the value, as the thumbnails have it: a tenth is visible."""
    last = len(colours) - 1
    return [[(index / last) ** 2, colour] for index, colour in enumerate(colours)]


def _dress(figure: go.Figure, palette: Palette, *, height: int) -> go.Figure:
    """The same face, ink and quiet ground for every figure, on a light page or a dark one."""
    figure.update_layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 13, "color": palette.text},
        height=height,
        margin={"l": 60, "r": 10, "t": 10, "b": 50},
        legend={"orientation": "h", "y": 1.12, "x": 0},
        hoverlabel={
            "bgcolor": palette.sequential[0],
            "bordercolor": palette.muted,
            "font": {"color": palette.text, "family": FONT},
        },
    )
    figure.update_xaxes(automargin=True, tickcolor=palette.muted, linecolor=palette.muted)
    figure.update_yaxes(automargin=True, tickcolor=palette.muted, linecolor=palette.muted)
    return figure
