"""Similarity of two models' layers, and its course over training."""

import numpy as np
import streamlit as st

from app import cache, commands
from app.figures import comparing as figures
from app.jobs import waiting
from app.state import CompareState
from app.widgets import show
from slm.comparing.similarity import Similarity
from slm.runs import Address


def show_layers(found: Similarity, a: str, b: str, corpus: str) -> None:
    """Show the CKA of the layers, and its course over training."""
    left, right = st.columns([10, 9], gap="large")
    with left:
        show.figure(
            figures.layers_alike(found.activations, show.colours()),
            name=f"layers-{a}-{b}",
            note=f"Linear CKA (Kornblith et al. 2019) of the residual stream over {found.places:,} places: "
            "1 is the same but for rotation and scale",
            table=lambda: show.csv(
                ("stage of a", "stage of b", "CKA"),
                ((i, j, f"{value:.5f}") for (i, j), value in np.ndenumerate(found.activations)),
            ),
            everything=lambda: {"a": a, "b": b, "similarity": found.to_json()},
            command=commands.compare(a, b, corpus),
        )
    with right:
        if found.weights is None:
            st.info("Weights can be compared only between models of one shape.")
        else:
            st.markdown("**Cosine of the weights of each part**")
            st.dataframe(
                [{"part": part, "cosine": value} for part, value in found.weights.items()],
                hide_index=True,
                height=36 * len(found.weights) + 40,
                column_config={
                    "cosine": st.column_config.ProgressColumn(
                        format="%.3f", min_value=0.0, max_value=1.0
                    )
                },
            )
    run = Address.parse(a).run
    if not st.toggle(f"Each step of {show.plain(run)} beside B", **CompareState.steps.bound):
        return
    drift = waiting.result(cache.drift(b, run, corpus), "drift")
    if drift is None:
        return
    steps = [one.a.step or 0 for one in drift]
    count = min(found.activations.shape)
    names = ["embedding", *(f"layer {layer}" for layer in range(count - 1))]
    lines = [(names[i], [float(one.activations[i, i]) for one in drift]) for i in range(count)]
    show.figure(
        figures.over_steps(lines, steps, show.colours(), "CKA with the same stage of B", top=1.03),
        name=f"drift-{run}-{b}",
        note=f"each checkpoint of {run} beside {b}, the residual stream after the same stage",
        table=lambda: show.csv(
            ("step", *names),
            ((step, *(line[1][at] for line in lines)) for at, step in enumerate(steps)),
        ),
    )
