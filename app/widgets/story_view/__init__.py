"""A story as tokens that can be hovered and picked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import streamlit as st

from app.state import picked_place
from app.theme import TOKEN_COLOURS
from slm.stories.tokenizer import END
from slm.text import visible

Scale = Literal["how much", "which way"]

_HERE = Path(__file__).parent
_COMPONENT = st.components.v2.component(
    "story_view",
    html='<div class="story"></div><svg class="lines"></svg><div class="tip" hidden></div>\n',
    css=(_HERE / "story_view.css").read_text(encoding="utf-8"),
    js=(_HERE / "story_view.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One token: its text, a value that colours it (None: no colour), and what hovering tells.

    `marked` underlines it: somebody chose it.
    """

    text: str
    value: float | None = None
    alternatives: tuple[tuple[str, float], ...] = ()
    marked: bool = False


def story_view(
    tokens: Sequence[Shown],
    *,
    key: str,
    label: str | tuple[str, str],
    scale: Scale = "how much",
    full: float = 1.0,
    brightened: bool = False,
    selected: int | None = None,
    on_pick: Callable[[int], None] | None = None,
    lines: bool = False,
    writing: bool = False,
    small: bool = False,
) -> None:
    """Show `tokens`; `on_pick` is called with the index of one that was clicked or entered.

    A value of `full` (or, on the scale "which way", minus `full`) gets the strongest colour,
    and the others grow towards it evenly, or `brightened` by a square root as the thumbnails are;
    `label` says in plain words what the value is; a pair names positive and negative values apart.
    `lines` join the selected token with the others, as strong as their values. While `writing`, a
    caret stands at the end; `small` is for a story beside a figure.
    """
    data = {
        "str_tokens": [None if token.text == END else _seen(token.text) for token in tokens],
        "values": [None if t.value is None else round(t.value, 4) for t in tokens],
        "alternatives": [
            [[_seen(str_token), round(chance, 4)] for str_token, chance in token.alternatives]
            for token in tokens
        ],
        "marked": [index for index, token in enumerate(tokens) if token.marked],
        "labels": (label, None) if isinstance(label, str) else label,
        "scale": scale,
        "full": max(full, 1e-9),
        "brightened": brightened,
        "selected": selected,
        "pickable": on_pick is not None,
        "lines": lines,
        "writing": writing,
        "small": small,
        "colours": TOKEN_COLOURS,
    }

    def picked() -> None:
        index = picked_place(key)
        if on_pick is not None and isinstance(index, int) and 0 <= index < len(tokens):
            on_pick(index)

    _COMPONENT(key=key, data=data, on_picked_change=picked)


def _seen(str_token: str) -> str:
    """Make characters visible, but for spaces, tabs and line ends."""
    return visible(str_token, keep="\n\t")
