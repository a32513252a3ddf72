"""What is kept of a run's knowledge at its checkpoints: a curve and a table, without asking the model."""

import streamlit as st

from app import commands
from app.figures.comparing import over_steps
from app.views.knowledge.table import KINDS
from app.widgets import show
from slm.comparing.curves import curves_json
from slm.comparing.measured import BY_PROBABILITY, MeasuredValue, kept
from slm.runs import Run

Kept = dict[int, dict[str, MeasuredValue]]
"""Kept values by step, and by what of the prompts they are of."""


def over_training(run: Run, *, by_likelihood: bool) -> None:
    """Show what is kept of every checkpoint; where nothing is, say what would measure it."""
    found = kept_by_step(run)
    if not found:
        with st.expander(f"Nothing is kept of {show.plain(run.name)} over its training"):
            st.caption("This measures the shipped prompts at each checkpoint and keeps them:")
            st.code(commands.line(("curves", run.name, "--measure=knowledge")), language=None)
        return
    suffix = BY_PROBABILITY if by_likelihood else ""
    first, last = min(found), max(found)
    st.markdown(
        f"**{show.plain(run.name)} answers {_said(found[last].get('all' + suffix))} of the shipped "
        f"prompts after step {last:,}**"
        + (
            f"; at step {first:,}, {_said(found[first].get('all' + suffix))}."
            if last > first
            else "."
        )
    )
    left, right = st.columns([9, 11], gap="large") if last > first else (None, st.container())
    if left is not None:
        with left:
            _curves(run, found, suffix)
    with right:
        st.dataframe(
            [
                {"step": step}
                | {
                    title: _said(values.get(kind + suffix))
                    for kind, title in reversed(KINDS.items())
                }
                for step, values in found.items()
            ],
            hide_index=True,
            height=36 * len(found) + 39,
        )
        st.caption("Share of prompts (95 % interval; by chance). Almost right counts half.")


def kept_by_step(run: Run) -> Kept:
    """Return the kept values of each checkpoint that still hold; those without any are left out."""
    every = ((step, kept(run, step, "knowledge")) for step in run.steps)
    return {step: {one.of: one for one in values} for step, values in every if values}


def _said(value: MeasuredValue | None) -> str:
    if value is None:
        return "not asked"
    ends = "" if value.low is None else f"{value.low:.0%} to {value.high:.0%}"
    chance = "" if value.baseline is None else f"by chance {value.baseline:.0%}"
    parts = "; ".join(part for part in (ends, chance) if part)
    return f"{value.value:.0%}" + (f" ({parts})" if parts else "")


def _curves(run: Run, found: Kept, suffix: str) -> None:
    lines = [
        (title, [step[kind + suffix].value for step in found.values()])
        for kind, title in KINDS.items()
        if all(kind + suffix in step for step in found.values())
    ]
    show.figure(
        over_steps(lines, list(found), show.colours(), "share of prompts", top=1.0),
        name=f"knowledge-over-training-{run.name}{'-likelihood' if suffix else ''}",
        note=f"{run.name}: the shipped prompts by the rule alone, measured once and kept with the run.",
        table=lambda: show.csv(
            ("step", "of", "value", "low", "high", "by chance", "prompts"),
            (
                (step, one.of, one.value, one.low, one.high, one.baseline, one.count)
                for step, values in found.items()
                for one in values.values()
            ),
        ),
        everything=lambda: curves_json([run]),
        command=commands.curves([run.name]),
    )
