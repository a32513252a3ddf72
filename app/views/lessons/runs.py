"""Views of whole runs in a lesson: what was learned when, and what shapes reach."""

import streamlit as st

from app import cache
from app.figures.comparing import over_steps
from app.figures.grid import table
from app.jobs import waiting
from app.views.lessons.heads import Link, plot
from app.widgets import show
from slm.comparing.development import WORD_GROUPS
from slm.lessons import views
from slm.lessons.measures import shapes
from slm.training.grid import grid_cells, grid_runs

BITS = "bits per byte"


def learning(view: views.ShowLearning, address: str) -> Link:
    """Show the loss in nats per word of each word group, over checkpoints up to the shown one."""
    found = waiting.result(cache.learned_parts(address), "lessons-learning")
    if found is None:
        return {}
    series = [(str(part), [one[part] for one in found.values()]) for part in WORD_GROUPS]
    plot(
        over_steps(series, list(found), show.colours(), "nats per word"),
        f"learning-{address}",
        "how much words of each kind still surprise the model, by step",
    )
    st.caption(
        "Lower is better known. Frame: small words such as “the” and “was”. Later mentions: who and "
        "what was named before."
    )
    return {"compare": "Development"}


def losses(view: views.ShowLosses, address: str) -> Link:
    """Show the grid of bits per byte by width and depth."""
    names = [cell.run.name for cell in shapes.grid()]
    plot(
        table(grid_cells(grid_runs(names), BITS), show.colours(), BITS),
        "grid",
        "bits per byte of every shape, by width and depth",
    )
    st.caption("Bits per byte on stories that no model here saw: lower is better.")
    return {}
