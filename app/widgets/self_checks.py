"""The panel that says whether what a page shows is true: closed at first, computed when opened."""

import streamlit as st

from app import cache
from app.state import Linked
from app.widgets import models, show


def panel(address: str, control: Linked[bool]) -> None:
    """Show a switch, and behind it every self-check of this model with its number."""
    if not st.toggle("Self-check", **control.of(models.letter(address)).bound, help=ABOUT):
        return
    found = cache.checks(address)
    failed = [one for one in found if not one.holds]
    if failed:
        st.error(f"{len(failed)} of {len(found)} checks fail: do not trust these pages.")
    else:
        st.success(f"All {len(found)} checks hold.")
    st.dataframe(
        [
            {
                "": "✓" if one.holds else "✗",
                "check": one.name,
                "measured": f"{one.measured:.2g}",
                "at most": f"{one.limit:g}",
            }
            for one in found
        ],
        hide_index=True,
    )
    for name, value in cache.facts(address).items():
        st.caption(f"{name}: {show.plain(value)}")


ABOUT = (
    "Computed now, on the model that is loaded: both ways through it agree, the parts sum to the "
    "whole, and nothing shown is padding. The first time takes a few seconds."
)
