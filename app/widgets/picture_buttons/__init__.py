"""Buttons that save the figure above them as SVG or PNG. The picture is drawn by the browser."""

from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent
_COMPONENT = st.components.v2.component(
    "picture_buttons",
    html='<button type="button">SVG</button><button type="button">PNG</button>\n',
    css=(_HERE / "picture_buttons.css").read_text(encoding="utf-8"),
    js=(_HERE / "picture_buttons.js").read_text(encoding="utf-8"),
)


def picture_buttons(name: str) -> None:
    """Offer the plotly figure that stands before this place, under `name`."""
    _COMPONENT(key=f"pictures-{name}", data={"name": name}, width="content")
