"""The protagonist test: the verdict on the best protagonist-first neurons, and what it rests on."""

from functools import partial

import streamlit as st

from app import commands
from app.figures.intervals import intervals
from app.state import RolesState
from app.views.roles.scores import number
from app.widgets import models, show
from slm.interp.roles.protagonist import ProtagonistTest
from slm.interp.roles.protagonist_trial import NeuronTrial, rise
from slm.stats.interval import Interval

TITLES = ("In nursery stories", "At the end of sentences alike but for one thing")


def protagonist(address: str, found: ProtagonistTest, *, alone: bool) -> None:
    """Show the verdict on the best protagonist-first neuron, and its evidence.

    Where one model is `alone` on the page, its figures stand side by side.
    """
    names = {f"{one.layer}.{one.neuron}": one for one in found.trials}
    trial = found.trials[0]
    if len(names) > 1:
        chosen = st.selectbox(
            "Neuron, best first",
            list(names),
            **RolesState.trial.of(models.letter(address)).bound,
            width=330,
            format_func=lambda name: f"{name}  ({names[name].verdict})",
        )
        trial = names[chosen or next(iter(names))]
    st.markdown(
        f"Neuron {trial.layer}.{trial.neuron}: **{show.plain(trial.verdict)}**, because "
        f"{show.plain(trial.why)}."
    )
    causes = ", ".join(
        f"{name} {one.to_text('+.2f')}" for name, one in list(trial.effects.items())[:3]
    )
    st.markdown(
        show.plain(
            f"First and later mentions differ by {rise(trial.means):.2f} in stories. In our sentences, "
            f"{causes}."
        )
    )
    rows = {name: one for name, one in trial.means.items() if one.n}
    ends = [end for one in (*rows.values(), *trial.conditions.values()) for end in one.whiskers]
    low, high = min(0.0, *ends), max(ends)
    limits = (low - 0.05 * (high - low), high + 0.05 * (high - low))
    places = st.columns(2, gap="large") if alone else (st.container(), st.container())
    for place, title, shown, where in zip(
        places, TITLES, (rows, trial.conditions), ("stories", "sentences"), strict=True
    ):
        with place:
            st.markdown(f"**{title}**")
            show.figure(
                intervals(
                    [(f"{name} ({one.n})", one.mean, *one.whiskers) for name, one in shown.items()],
                    show.colours(),
                    "mean max(activation, 0)",
                    limits,
                ),
                name=f"protagonist-{where}-{address}-{trial.layer}.{trial.neuron}",
                note=f"{address}, blocks.{trial.layer}.mlp.hook_post, 0 where neuron {trial.neuron} does "
                "not fire: means with 95 % intervals, on stories it was not chosen on"
                if where == "stories"
                else "The same names in every condition, at about the same place; intervals over names",
                table=partial(numbers, trial),
                everything=lambda: found,
                command=commands.protagonist(address, found.stories),
            )
    compared: list[tuple[str, str, Interval]] = [
        (measure, name, one)
        for measure, ones in (
            ("AUC", trial.contrasts),
            ("fires more often by", trial.fires_more),
            ("activation", trial.effects),
        )
        for name, one in ones.items()
    ]
    two_digits = st.column_config.NumberColumn(format="%.2f")
    st.dataframe(
        {
            "what is compared": [name for _, name, _ in compared],
            "measure": [measure for measure, _, _ in compared],
            "value": [number(one.mean) for _, _, one in compared],
            "from": [number(one.low) for _, _, one in compared],
            "to": [number(one.high) for _, _, one in compared],
        },
        column_config={"value": two_digits, "from": two_digits, "to": two_digits},
        hide_index=True,
    )
    st.caption(
        "AUCs rank the pre-activation (of a gated MLP the activation). Activations are hook_post, 0 where "
        "the neuron does not fire; its firing is compared at the same place where ordinary words are."
    )
    if len(names) > 1:
        st.caption(
            "The neurons were chosen on the other half of the stories, by how well they tell first "
            "mentions from other words at the same place and from later mentions."
        )


def numbers(trial: NeuronTrial) -> str:
    """Format every number of a trial as CSV."""
    parts = {
        "mean activation in stories": trial.means,
        "share of words on which it fires": trial.fires,
        "AUC": trial.contrasts,
        "fires more often by": trial.fires_more,
        "difference of activation in sentences": trial.effects,
        "mean activation in sentences": trial.conditions,
    }
    return show.csv(
        ("measure", "of", "value", "low", "high", "count"),
        (
            (measure, name, one.mean, *(one.bounds or ("", "")), one.n)
            for measure, ones in parts.items()
            for name, one in ones.items()
        ),
    )
