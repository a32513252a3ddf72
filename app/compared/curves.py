"""Curves of several runs: what they wrote down while they learned."""

from collections.abc import Sequence

import streamlit as st

from app import show
from app.figures import comparing as figures
from slm.comparing.curves import BITS, LOSS, NEW, Over, curves
from slm.runs import Address, open_run


def show_curves(runs: list[str], addresses: Sequence[str]) -> None:
    """Loss, bits per byte, grades and novelty where they were measured, of several runs."""
    found = curves([open_run(name) for name in runs])
    measures = list(dict.fromkeys(curve.measure for curve in found))
    if not found:
        st.info("These runs wrote down no measurements.")
        return
    with st.container(horizontal=True):
        measure = st.segmented_control(
            "Measure", measures, default=measures[0], required=True, key="measure",
            bind="query-params",
        )  # fmt: skip
        over = st.segmented_control(
            "Over", ["tokens", "seconds"], default="tokens", required=True, key="over",
            bind="query-params",
        )  # fmt: skip
    axis: Over = "seconds" if over == "seconds" else "tokens"
    mine = [curve for curve in found if curve.measure == measure]
    series = [(c.run, [(p.over(axis), p.value) for p in c.points]) for c in mine]
    marks = []
    colours = show.colours()
    for address, letter, colour in zip(
        addresses, "AB", (colours.plus, colours.other), strict=False
    ):
        chosen = Address.parse(address)
        for curve in mine:
            for point in curve.points:
                if curve.run == chosen.run and point.step == chosen.step:
                    marks.append((point.over(axis), letter, colour))
    if measure in (BITS, LOSS):
        note = "on stories held out of training"
    elif str(measure).startswith(NEW):
        note = "share of endings' word runs that stand nowhere in the corpus, beside people's"
    else:
        note = "means of all grades"
    show.figure(
        figures.curves(series, colours, f"{over} of training", str(measure), marks),
        name=f"curves-{'-'.join(runs)}",
        note=f"{measure}, {note}, as each run keeps it. Only bits per byte compares losses of "
        "models of different tokenizers. Novelty appears once the copying page has measured it",
        table=lambda: show.csv(
            ("run", "measure", "step", "tokens", "seconds", "value"),
            (
                (c.run, c.measure, p.step, p.tokens, p.seconds, p.value)
                for c in found
                for p in c.points
            ),
        ),
    )
