"""The colours, each with one meaning on every page. Knows no figure and no page."""

from dataclasses import dataclass
from typing import Literal

Scheme = Literal["light", "dark"]


@dataclass(frozen=True, kw_only=True)
class Palette:
    """What is drawn with what: `plus` is much or positive, `minus` negative, `other` is model B.

    `sequential` runs from nothing to much, `diverging` from negative over zero to positive. Blue
    against orange is told apart by all common kinds of colour blindness; lightness rises or falls
    along the sequential scale without turning.
    """

    plus: str
    minus: str
    other: str
    text: str
    muted: str
    grid: str
    sequential: tuple[str, ...]
    diverging: tuple[str, ...]


LIGHT = Palette(
    plus="#1c6394",
    minus="#b8590a",
    other="#8d3b72",
    text="#23262b",
    muted="#6d7076",
    grid="#e6e2d9",
    sequential=("#fdfcfa", "#cfe0ec", "#8dbadb", "#4089bd", "#1c5f90", "#0b3354"),
    diverging=("#8a3f04", "#d9893f", "#f6ddc2", "#fdfcfa", "#cfe0ec", "#5a9bc9", "#0f4a78"),
)
DARK = Palette(
    plus="#74b4de",
    minus="#eb9a4c",
    other="#d48bbb",
    text="#e4e2dc",
    muted="#9a9da3",
    grid="#2c323a",
    sequential=("#15181d", "#1b3448", "#245a80", "#3b87b9", "#7fbde6", "#def0fb"),
    diverging=("#ffc78f", "#d2782a", "#5f3a1a", "#15181d", "#1d3f58", "#3f8cbf", "#a9d8f7"),
)

TOKEN_COLOURS = {"plus": ("#4a93c8", "#3c84b8"), "minus": ("#e0934a", "#b86a22")}
"""Backgrounds behind story text (light, dark): mixed in by value, always legible under the text."""


def palette(scheme: str | None) -> Palette:
    """The colours for a theme; light where the browser has not said."""
    return DARK if scheme == "dark" else LIGHT
