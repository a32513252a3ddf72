"""Display of results: figures to save, one line for an error, formatted numbers."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from app import commands
from app.figures import style
from app.state import picked_points
from app.text import complaint, plain, sentence
from app.theme import Palette, palette
from app.widgets.picture_buttons import picture_buttons
from slm.errors import BadInput
from slm.files import said
from slm.text import as_json, csv_as_json
from slm.text import csv as csv

LARGEST_SEED = 2**53 - 1
"""The largest seed that a number input takes: in a browser numbers are doubles."""


def colours() -> Palette:
    """Return the colours for the theme this browser shows."""
    return palette(st.context.theme.type)


def note(text: str) -> None:
    """Show a caption; nothing where there is no text."""
    if text:
        st.caption(sentence(text))


@contextlib.contextmanager
def one_line() -> Iterator[None]:
    """Turn what a person or the disk did wrong into one line; the app goes on."""
    try:
        yield
    except BadInput as error:
        st.error(complaint(error))
    except OSError as error:
        st.error(complaint(said(error)))


def figure(
    drawn: go.Figure,
    *,
    name: str,
    note: str = "",
    alt: str = "",
    table: Callable[[], str],
    everything: Callable[[], object] | None = None,
    command: Sequence[str] = (),
    on_pick: Callable[[dict[str, Any]], None] | None = None,
    key: str = "",
) -> None:
    """Show a figure that can be saved as a picture; `footer` tells the rest.

    `on_pick` is called with plotly's point where one is clicked; whoever gives it offers the same
    choice by a control, for those who have no mouse. `alt` is read to those who don't see it.
    """
    key = key or f"figure-{name}"

    def picked() -> None:
        if on_pick is not None and (points := picked_points(key)):
            on_pick(points[0])

    st.plotly_chart(
        drawn,
        theme=None,
        key=key,
        config=style.config(name),
        selection_mode="points",
        on_select="ignore" if on_pick is None else picked,
        alt=alt or note or name,
    )
    footer(name=name, note=note, table=table, everything=everything, command=command, picture=True)


def footer(
    *,
    name: str,
    note: str = "",
    table: Callable[[], str],
    everything: Callable[[], object] | None = None,
    command: Sequence[str] = (),
    picture: bool = False,
) -> None:
    """Offer what stands above as files and as a command line, and say quietly how it was computed.

    `picture` is for a figure. `everything` gives a result, which is written as `slm --json` does; where
    there is no more than the table, the JSON is the table's. `command` has the arguments of `slm`.
    """
    with st.container(key=f"footer-{name}", gap="xxsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if picture:
                picture_buttons(name)
            save(f"{name}.csv", table)
            save(
                f"{name}.json",
                lambda: as_json(everything()) if everything else csv_as_json(table()),
            )
            if command:
                with st.popover("Command line", type="tertiary", key=f"command-{name}"):
                    st.code(commands.line(command), language=None, wrap_lines=True)
        if note:
            st.caption(plain(note))


def save(file_name: str, content: Callable[[], str]) -> None:
    """Show a quiet button that makes a file when it is pressed, and only then."""
    st.download_button(
        file_name.rsplit(".", 1)[-1].upper(),
        content,
        file_name=file_name,
        key=f"save-{file_name}",
        type="tertiary",
        on_click="ignore",
        help=f"Save {plain(file_name)}",
    )


def count(number: float) -> str:
    """Format a count in three digits: 950, 12.3 k, 1.26 M."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.3g}"


def duration(seconds: float) -> str:
    """Format a time in its natural unit."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
