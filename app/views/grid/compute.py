"""Losses against the operations of training, with the frontier."""

from collections.abc import Sequence

import streamlit as st

from app import commands
from app.figures.grid import against_compute
from app.widgets import show
from slm.runs import open_run
from slm.training.grid import GridRun, frontier, grid_runs, of_one_vocabulary


def the_compute(names: Sequence[str], score: str) -> None:
    """Show the losses against the operations of training, 6 N D, and the frontier of all runs."""
    found = [cell for cell in grid_runs(names) if cell.scores]
    left_out: list[GridRun] = []
    if score == "loss":
        found, left_out = of_one_vocabulary(found)
    curves: dict[str, list[tuple[float, float]]] = {}
    for cell in found:
        for metric in open_run(cell.run).metrics():
            value = metric.val_loss if score == "loss" else metric.val_bits_per_byte
            if value is not None and metric.tokens:
                compute = 6.0 * cell.parameters * metric.tokens
                curves.setdefault(cell.run, []).append((compute, value))
    if not curves:
        st.info("No losses yet: train a grid first.")
        return
    depths = {cell.run: cell.layers for cell in found}
    best = frontier([point for points in curves.values() for point in points])
    show.figure(
        against_compute(curves, depths, best, show.colours(), score),
        name=f"compute-{score.replace(' ', '-')}",
        table=lambda: show.csv(
            ("run", "operations", score, "on the frontier"),
            ((name, *point, point in best) for name, points in curves.items() for point in points),
        ),
        command=commands.curves(list(curves)),
        note="N: parameters of the blocks, without embeddings; D: tokens read; 6 N D: operations of "
        "training (Kaplan et al. 2020). The frontier is the best that any compute has reached, in the "
        "midst of a training too, where the learning rate has not yet come down."
        + (
            f" Left out, for nats of another vocabulary: {', '.join(cell.run for cell in left_out)}."
            if left_out
            else ""
        ),
    )
