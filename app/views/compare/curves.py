"""Curves of several runs: what they wrote down while they learned, and what is measured when asked for."""

from collections.abc import Iterator, Sequence

import streamlit as st

from app import cache, commands
from app.figures import comparing as figures
from app.jobs import waiting
from app.state import CompareState
from app.widgets import show
from slm.comparing.curves import (
    BEST_HEAD,
    BITS,
    COPYING,
    FOLLOWING,
    GRADES,
    HEADS,
    KNOWLEDGE,
    LOSS,
    MEASURES,
    NEW,
    NEW_WORDS,
    SHOWN_FIRST,
    Curve,
    CurveAxis,
    curves,
    curves_json,
    damage,
)
from slm.comparing.measured import MeasuredKind, missing
from slm.runs import Address, Run, open_run

MEASURED: dict[str, MeasuredKind] = {KNOWLEDGE: "knowledge", HEADS: "heads", BEST_HEAD: "heads"}
DOING: dict[MeasuredKind, str] = {
    "knowledge": "Measure knowledge at every checkpoint",
    "heads": "Score the heads at every checkpoint",
}
UP = {
    KNOWLEDGE: "share of prompts continued rightly",
    COPYING: "word pairs it shares with the true ending",
    HEADS: "heads that beat their baseline",
    BEST_HEAD: "share of attention on the targets",
    FOLLOWING: "share of what requests ask for",
    NEW: f"share of runs of {NEW_WORDS} words that are new",
}
NOTES = {
    BITS: "on stories held out of training, as each run wrote it down",
    LOSS: "on stories held out of training, as each run wrote it down. Only bits per byte compares "
    "losses of models of different tokenizers",
    KNOWLEDGE: "the prompts that ship, judged by the rule alone; almost right counts half. Bars: 95 % "
    "of resamples of the prompts. Dotted: the same continuations judged by the answers of other "
    "prompts; by probability, guessing among the answers listed",
    COPYING: "Rouge-2 precision of endings of stories it was trained on against the true ones, as "
    "studies keep it. Bars: 95 % of resamples of the endings. Dotted: stories it never saw. Of 400 stories "
    "of each kind a difference of about 0.01 is seen four times in five, of 100 one of 0.02",
    HEADS: "24 nursery stories: a head counts where its score beats its own attention, moved, by 0.05 "
    "and the 95 % interval lies above 0, before any proof by ablation. Bars: from the heads whose "
    "whole interval lies above 0.05 to those whose interval reaches it. Dotted: the same model with "
    "the entries of its weights shuffled",
    BEST_HEAD: "24 nursery stories: at each checkpoint the head furthest above its baseline, which may "
    "be another each time. Bars: 95 % of resamples of the stories. Dotted: the same head's attention, "
    "moved",
    NEW: "share of endings' word runs that stand nowhere in the corpus, as studies keep it. Bars: 95 % "
    "of resamples of the endings. Dotted: people's endings of the same stories",
    FOLLOWING: "500 held-out requests at temperature 1: words in any inflection, features by detectors, "
    "the sentence literally, the summary's names and thing. Bars: 95 % of resamples of the requests. "
    "Dotted: the same stories scored for other requests",
    GRADES: "means of all grades that are kept. Bars: 95 % of resamples of the openings",
}
ABSENT = {
    COPYING: "Not measured yet: a study of a checkpoint, made on the memorization page, is a point here. "
    "slm memorize RUN --corpus CORPUS --steps makes one of every checkpoint.",
    NEW: "Not measured yet: the memorization page measures novelty against the training step, and so "
    "does slm novelty --steps.",
    FOLLOWING: "Not measured yet: slm following RUN --steps lets every checkpoint write for 500 "
    "requests; of single checkpoints the grading page does, under Following instructions.",
    GRADES: "Not measured yet: grades of several checkpoints, given on the grading page or by slm "
    "grade, are a curve here.",
}
PAGES = {
    COPYING: "memorization",
    NEW: "memorization",
    FOLLOWING: "grading",
    GRADES: "grading",
}


def show_curves(names: list[str], addresses: Sequence[str]) -> None:
    """Show one measure of several runs over their training."""
    runs = [open_run(name) for name in names]
    found = curves(runs)
    for line in damage(runs):
        st.warning(show.plain(line))
    with st.container(horizontal=True):
        measure = (
            st.segmented_control(
                "Measure", MEASURES, default=BITS, required=True, **CompareState.measure.bound
            )
            or BITS
        )
        over = st.segmented_control(
            "Over",
            ["tokens", "seconds"],
            default="tokens",
            required=True,
            **CompareState.over.bound,
        )
    axis: CurveAxis = "seconds" if over == "seconds" else "tokens"
    there = [curve for curve in found if curve.measure == measure]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        of = chosen_of(measure, there)
        if what := MEASURED.get(measure):
            measured(what, runs)
    if there:
        mine = [curve for curve in there if curve.of == of]
        draw(measure, mine, axis, addresses, found)
    elif measure in ABSENT:
        st.info(ABSENT[measure])
        page = PAGES[measure]
        st.page_link(f"../pages/{page}.py", label=f"Go to {page}")
    elif not any(run.metrics() for run in runs):
        st.info(
            "These runs wrote down no measurements, so that there is nothing to draw over training."
        )


def measured(what: MeasuredKind, runs: Sequence[Run]) -> None:
    """Show which checkpoints are not measured, and a button to measure them, with its progress."""
    gaps = {run.name: len(steps) for run in runs if (steps := missing(run, what))}
    asked = (what, tuple(run.name for run in runs))
    if CompareState.measuring.get() == asked:
        if waiting.result(cache.measuring(*asked), f"measuring-{what}") is None:
            return
        CompareState.measuring.pop()
        st.rerun()
    if gaps:
        told = ", ".join(f"{count} of {show.plain(name)}" for name, count in gaps.items())
        if st.button(DOING[what], type="primary", key=f"measure-{what}"):
            cache.measuring.restart(*asked)
            CompareState.measuring.set(asked)
            st.rerun()
        st.caption(
            f"Checkpoints not measured yet: {told}. A few seconds each; what is measured is kept "
            "with the run."
        )


def chosen_of(measure: str, there: Sequence[Curve]) -> str:
    """Return which kind of a measure is chosen, where there are several."""
    kinds = list(dict.fromkeys(curve.of for curve in there))
    if len(kinds) < 2:
        return kinds[0] if kinds else ""
    first = SHOWN_FIRST.get(measure, kinds[0])
    return (
        st.selectbox(
            "Of",
            kinds,
            index=kinds.index(first) if first in kinds else 0,
            **CompareState.of_measure.of(measure).bound,
            width=230,
        )
        or kinds[0]
    )


def draw(
    measure: str,
    mine: Sequence[Curve],
    axis: CurveAxis,
    addresses: Sequence[str],
    found: Sequence[Curve],
) -> None:
    """Draw the curves with A and B marked on them, and offer all numbers."""
    marks, colours = [], show.colours()
    for address, letter, colour in zip(
        addresses, "AB", (colours.plus, colours.other), strict=False
    ):
        chosen = Address.parse(address)
        for curve in mine:
            for point in curve.points:
                if curve.run == chosen.run and point.step == chosen.step:
                    marks.append((point.over(axis), letter, colour))
    of = f", {mine[0].of}" if mine[0].of else ""
    runs = list(dict.fromkeys(curve.run for curve in found))
    show.figure(
        figures.curves(mine, colours, axis, UP.get(measure, measure), marks),
        name=f"curves-{'-'.join(dict.fromkeys(curve.run for curve in mine))}",
        note=f"{measure}{of}: {NOTES[measure]}",
        everything=lambda: curves_json(list(map(open_run, runs))),
        command=commands.curves(runs),
        table=lambda: show.csv(
            (
                "run",
                "measure",
                "of",
                "step",
                "tokens",
                "seconds",
                "value",
                "low",
                "high",
                "baseline",
                "baseline is",
                "count",
                "head",
            ),
            rows(found),
        ),
    )


def rows(found: Sequence[Curve]) -> Iterator[tuple[object, ...]]:
    """Yield every point of every curve as a row; missing values are empty."""
    for curve in found:
        for p in curve.points:
            numbers = (p.step, p.tokens, p.seconds, p.value, p.low, p.high, p.baseline)
            yield (
                curve.run,
                curve.measure,
                curve.of,
                *("" if number is None else number for number in numbers),
                curve.baseline,
                "" if p.count is None else p.count,
                p.which,
            )
