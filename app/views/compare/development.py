"""Development of a run: the labels of its heads, the word groups it learns."""

from functools import partial

import numpy as np
import streamlit as st

from app import commands
from app.figures import comparing as figures
from app.state import CompareState
from app.widgets import show
from slm.comparing.development import (
    WORD_GROUPS,
    DevelopmentStage,
    appearances,
    development_json,
    halfway,
)
from slm.runs import open_run


def choose_kind(found: tuple[DevelopmentStage, ...]) -> str:
    """Choose the kind of the heads that are drawn, first the one whose label came and stayed first."""
    kinds = list(found[-1].heads.kinds)
    first = next((one for one in appearances(found) if one.stays), None)
    chosen = st.selectbox(
        "Heads that look at",
        kinds,
        index=kinds.index(first.kind) if first else 0,
        **CompareState.kind.bound,
        width=300,
    )
    return chosen or kinds[0]


def show_development(run: str, found: tuple[DevelopmentStage, ...], kind: str) -> None:
    """Show what a run learned when: labels of heads of a kind, word groups."""
    steps = [one.step for one in found]
    labels = appearances(found)
    stay = [one for one in labels if one.stays]
    first = {one.kind: one for one in reversed(stay)}
    order = sorted(first.values(), key=lambda one: one.step)
    half = halfway(found)
    learned = sorted(((step, part) for part, step in half.items() if step is not None))
    st.markdown(
        f"**{len({(one.layer, one.head) for one in stay})} heads of {show.plain(run)} have a label at its "
        "last step.** "
        + (
            "In order: "
            + ", ".join(
                f"{one.kind} (step {one.step:,}, heads that keep it: "
                f"{sum(o.kind == one.kind for o in stay)})"
                for one in order
            )
            + "."
            if order
            else ""
        )
    )
    left, right = st.columns(2, gap="large")
    with left:
        at = list(found[-1].heads.kinds).index(kind)
        scores = np.stack([one.heads.score.mean[..., at] for one in found])
        lines = [
            (f"{layer}.{head}", scores[:, layer, head].tolist())
            for layer, head in np.ndindex(scores.shape[1:])
        ]
        strong = [f"{one.layer}.{one.head}" for one in labels if one.kind == kind][:8]
        show.figure(
            figures.over_steps(
                lines,
                steps,
                show.colours(),
                "share of attention",
                strong=strong,
                top=1.1 * float(scores.max()),
            ),
            name=f"development-{run}-{kind}",
            note=f"every head of {run} (layer.head), strong where it has the label at some step: its "
            "score beats its baseline by 0.05 and the 95 % interval lies above 0",
            table=lambda: show.csv(
                ("step", *(name for name, _ in lines)),
                ((step, *(line[1][i] for line in lines)) for i, step in enumerate(steps)),
            ),
            everything=partial(development_json, run, found),
            command=commands.development(run),
        )
    with right:
        parts = [(part, [one.words[part] for one in found]) for part in WORD_GROUPS]
        metrics = {m.step: m.val_bits_per_byte for m in open_run(run).metrics()}
        show.figure(
            figures.over_steps(
                [(str(name), values) for name, values in parts],
                steps,
                show.colours(),
                "nats per word",
            ),
            name=f"learned-{run}",
            note="words of 40 nursery stories by their role: frame is function words; first mentions are a "
            "guess, later mentions can be known from the story. Half of what is learned is learned by step "
            + ", ".join(f"{step:,} ({part})" for step, part in learned),
            table=lambda: show.csv(
                ("step", "bits per byte", *WORD_GROUPS),
                (
                    (
                        one.step,
                        metrics.get(one.step) or "",
                        *(one.words[part] for part in WORD_GROUPS),
                    )
                    for one in found
                ),
            ),
            everything=partial(development_json, run, found),
            command=commands.development(run),
        )
    st.dataframe(
        [
            {
                "from step": one.step,
                "bits per byte then": metrics.get(one.step),
                "label": one.kind,
                "head": f"{one.layer}.{one.head}",
                "score at the last step": one.score,
                "": "" if one.stays else "gone by the last step",
            }
            for one in labels
        ],
        hide_index=True,
        column_config={
            "bits per byte then": st.column_config.NumberColumn(format="%.3f"),
            "score at the last step": st.column_config.NumberColumn(format="percent"),
        },
    )
