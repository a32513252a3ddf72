"""The same face, ink and words for every figure."""

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from app.text import in_plotly, token_shown
from app.theme import Palette, ink_on

FONT = "Source Sans, Helvetica, Arial, sans-serif"


def config(name: str) -> dict[str, object]:
    """Configure plotly's toolbar: one button saves the figure as SVG under `name`."""
    return {
        "displaylogo": False,
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
        "toImageButtonOptions": {"format": "svg", "filename": name},
    }


def printed(str_token: str) -> str:
    """Format a token or name as one visible line that plotly takes for text, never for markup."""
    return in_plotly(token_shown(str_token))


def positions(str_tokens: Sequence[str]) -> list[str]:
    """Name every position, told apart where tokens repeat: `the · 12`."""
    return [f"{printed(str_token)} · {index}" for index, str_token in enumerate(str_tokens)]


def token_axis(str_tokens: Sequence[str], most: int = 40) -> dict[str, object]:
    """Name the tokens on an axis of `positions`: all of a short text, of a longer one what has room.

    Who zooms into a longer one sees the others.
    """
    if len(str_tokens) > most:
        return {"type": "category", "tickmode": "auto", "nticks": most}
    return {
        "tickmode": "array",
        "tickvals": positions(str_tokens),
        "ticktext": [printed(str_token) for str_token in str_tokens],
    }


def brightened(colours: Sequence[str]) -> list[list[float | str]]:
    """Make a colour scale along the square root of the value, so that a tenth is visible."""
    last = len(colours) - 1
    return [[(index / last) ** 2, colour] for index, colour in enumerate(colours)]


def rounded_up(value: float, least: float = 1e-6) -> float:
    """Return the first of …, 0.1, 0.2, 0.5, 1, 2, 5, 10, … that is not below `value` or `least`.

    A scale that ends there keeps still while one goes from checkpoint to checkpoint.
    """
    value = max(abs(value), least)
    unit = 10.0 ** math.floor(math.log10(value))
    stop = next(stop for stop in (1, 2, 5, 10) if stop * unit >= value * (1 - 1e-9))
    return float(f"{stop * unit:.6g}")


def ends(values: Sequence[float]) -> tuple[float, float]:
    """Return an axis range for bars from 0, each end `rounded_up`."""
    low, high = min(0.0, *values, 0.0), max(0.0, *values, 0.0)
    return (-rounded_up(low) if low < 0 else 0.0, rounded_up(high) if high > 0 else 0.0)


def span(values: Sequence[float]) -> tuple[float, float]:
    """Return an axis range for values far from 0, between multiples of their `rounded_up` range."""
    low, high = min(values), max(values)
    stop = rounded_up(high - low, 0.01)
    return (math.floor(low / stop) * stop, math.ceil(high / stop) * stop)


def write_in_cells(
    figure: go.Figure,
    cells: Sequence[tuple[str, str, str, str]],
    *,
    size: int = 13,
) -> None:
    """Write into a heat map's cells, each given as x, y, text and the cell's colour."""
    x, y, text, grounds = zip(*cells, strict=True) if cells else ((), (), (), ())
    figure.add_scatter(
        x=x,
        y=y,
        text=text,
        mode="text",
        textfont={"size": size, "color": [ink_on(ground) for ground in grounds]},
        hoverinfo="skip",
        showlegend=False,
    )


def dress(figure: go.Figure, palette: Palette, *, height: int) -> go.Figure:
    """Apply the common layout to a figure, on a light page or a dark one."""
    figure.update_layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 13, "color": palette.text},
        height=height,
        margin={"l": 60, "r": 10, "t": 10, "b": 50},
        legend={"orientation": "h", "y": 1.12, "x": 0},
        hoverlabel={
            "namelength": -1,  # never cut within an escaped character
            "bgcolor": palette.sequential[0],
            "bordercolor": palette.muted,
            "font": {"color": palette.text, "family": FONT},
        },
    )
    figure.update_xaxes(automargin=True, tickcolor=palette.muted, linecolor=palette.muted)
    figure.update_yaxes(automargin=True, tickcolor=palette.muted, linecolor=palette.muted)
    return figure
