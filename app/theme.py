"""The colours, each with one meaning on every page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Scheme = Literal["light", "dark"]


@dataclass(frozen=True, kw_only=True)
class Palette:
    """What is drawn with what: `plus` is much or positive, `minus` negative, `other` is model B.

    `unseen` is the ground where there can be no value.
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
    unseen: str
    sequential: tuple[str, ...]
    diverging: tuple[str, ...]


LIGHT = Palette(
    plus="#1c6394",
    minus="#b8590a",
    other="#8d3b72",
    text="#23262b",
    muted="#62656b",
    grid="#e6e2d9",
    unseen="#f0ede6",
    sequential=("#fdfcfa", "#cfe0ec", "#8dbadb", "#4089bd", "#1c5f90", "#0b3354"),
    diverging=("#8a3f04", "#d9893f", "#f6ddc2", "#fdfcfa", "#cfe0ec", "#5a9bc9", "#0f4a78"),
)
DARK = Palette(
    plus="#74b4de",
    minus="#eb9a4c",
    other="#d48bbb",
    text="#e4e2dc",
    muted="#a3a6ac",
    grid="#2c323a",
    unseen="#22272e",
    sequential=("#15181d", "#1b3448", "#245a80", "#3b87b9", "#7fbde6", "#def0fb"),
    diverging=("#ffc78f", "#d2782a", "#5f3a1a", "#15181d", "#1d3f58", "#3f8cbf", "#a9d8f7"),
)

TOKEN_COLOURS = {"plus": ("#4a93c8", "#3c84b8"), "minus": ("#e0934a", "#b86a22")}
"""Backgrounds behind story text (light, dark): mixed in by value, always legible under the text."""


def palette(scheme: str | None) -> Palette:
    """Return the colours of a theme; light where the browser has not said."""
    return DARK if scheme == "dark" else LIGHT


def luminance(colour: str) -> float:
    """Compute the relative luminance of a colour such as `#1c6394`, from 0 to 1 (WCAG 2.2)."""
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    """Compute the contrast ratio of two colours, from 1 to 21 (WCAG 2.2); text needs 4.5."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def mixed(one: str, other: str, share: float) -> str:
    """Mix `share` of `one` with the rest of `other`, channel by channel in sRGB."""
    pairs = ((int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in pairs)


def along(scale: Sequence[str], share: float) -> str:
    """Return the colour at `share` of a scale of equidistant colours."""
    at = min(max(share, 0.0), 1.0) * (len(scale) - 1)
    below = min(int(at), len(scale) - 2)
    return mixed(scale[below + 1], scale[below], at - below)


def ink_on(colour: str) -> str:
    """Return black or white, whichever contrasts more with `colour`: always at 4.5 or more."""
    return max(("#000000", "#ffffff"), key=lambda ink: contrast(ink, colour))
