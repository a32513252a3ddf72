"""What do width and depth do?"""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from app import cache, commands
from app.figures.grid import over_training
from app.state import GridState
from app.terms import help_of
from app.views.grid.compute import the_compute
from app.views.grid.findings import the_findings
from app.views.grid.table import MEASURED, the_table, with_grades, with_measures
from app.views.train.monitor import CORPORA, FILE
from app.widgets import show
from slm.comparing.curves import curves_json
from slm.grading.history import GradedCheckpoint
from slm.grading.rubric import ALL_DIMENSIONS
from slm.model.config import count_parameters, named_shape
from slm.recipe import Recipe
from slm.runs import damaged_runs, list_runs, open_run
from slm.text import visible
from slm.training import queue, sweep
from slm.training.grid import (
    LOSSES,
    grid_runs,
)
from slm.training.spec import TrainingSpec
from slm.training.sweep import Sweep

ALL = "every run there is"
TABLE, CURVES, FINDINGS, TRAIN = (
    "Table",
    "Curves",
    "Findings",
    "Sweep",
)
NOBODY = "nobody: what needs no judge"
TOKENS, COMPUTE = "Tokens read", "Compute, 6 N D"


def names_of(which: str) -> list[str]:
    """The runs of a sweep, or all."""
    if which == ALL:
        return [run.name for run in list_runs()]
    return list(sweep.load(which).runs)


def the_curves(
    names: Sequence[str], history: dict[str, list[GradedCheckpoint]], score: str
) -> None:
    """Figure 2: a score over the tokens read, or losses over compute, a line a run."""
    if score in MEASURED:
        st.info(f"{score.capitalize()} is kept of last checkpoints: see the table.")
        return
    if score in LOSSES:
        over = st.segmented_control(
            "Over",
            [TOKENS, COMPUTE],
            default=TOKENS,
            required=True,
            **GridState.over.bound,
            label_visibility="collapsed",
        )
        if over == COMPUTE:
            the_compute(names, score)
            return
    curves: dict[str, list[tuple[float, float, float, float]]] = {}
    for run in list_runs():
        if run.name not in names:
            continue
        points: list[tuple[float, float, float, float]] = []
        if score in LOSSES:
            for metric in run.metrics():
                value = metric.val_loss if score == "loss" else metric.val_bits_per_byte
                if value is not None:
                    points.append((metric.tokens, value, value, value))
        else:
            for one in history.get(run.name, []):
                if score in one.grades:
                    mean = one.mean(score)
                    low, high = mean.whiskers
                    points.append((one.tokens, mean.mean, low, high))
        if points:
            curves[run.name] = points
    if not curves:
        st.info(f"No {score} over training yet: grade several checkpoints of a run first.")
        return
    show.figure(
        over_training(curves, show.colours(), score),
        name=f"curves-{score.replace(' ', '-')}",
        table=lambda: show.csv(
            ("run", "tokens", score, "low", "high"),
            ((name, *point) for name, points in curves.items() for point in points),
        ),
        everything=lambda: curves_json(list(map(open_run, curves))),
        command=commands.curves(list(curves)),
        note="Grades with 95 % intervals over openings; losses on validation stories.",
    )


def train() -> None:
    """Choose widths, depths and a budget; put what is missing on the queue."""
    left, right = st.columns(2, gap="large")
    with left:
        widths = st.multiselect(
            "Widths",
            [16, 32, 64, 128, 256, 512],
            [64, 128],
            **GridState.widths.bound,
            help=help_of("width"),
        )
        depths = st.multiselect(
            "Depths", [1, 2, 4, 8, 12], [1, 2], **GridState.depths.bound, help=help_of("layer")
        )
        d_head = st.select_slider(
            "Width of a head", [4, 8, 16, 32, 64], 16, **GridState.d_head.bound
        )
        vocabulary = st.selectbox(
            "Vocabulary",
            [512, 1024, 2048, 4096, 8192],
            2,
            **GridState.vocabulary.bound,
            help=help_of("vocabulary"),
        )
    with right:
        corpus = st.selectbox(
            "Stories",
            [*CORPORA, FILE],
            format_func=lambda c: CORPORA.get(c, c),
            **GridState.corpus.bound,
        )
        if corpus == FILE:
            corpus = st.text_input(
                "Path", placeholder="stories.txt", **GridState.path.bound
            ).strip()
        millions = st.number_input(
            "Million tokens each", 0.01, 1000.0, 1.0, 0.5, **GridState.millions.bound
        )
        name = st.text_input(
            "Name of the grid", "grid", max_chars=40, **GridState.name.bound
        ).strip()
    shapes = sweep.shapes(sorted(widths), sorted(depths), int(d_head))
    if not shapes:
        st.info("Choose at least one width and one depth.")
        return
    configs = []
    for shape in shapes:
        configs.append(replace(named_shape(shape), d_vocab=int(vocabulary or 2048)))
    st.caption(
        f"{len(shapes)} models of {min(count_parameters(c).total for c in configs):,} to "
        f"{max(count_parameters(c).total for c in configs):,} parameters: {', '.join(shapes)}"
    )
    tokens = round(float(millions or 1) * 1e6)
    with st.container(horizontal=True):
        pressed = st.button("Train the grid", type="primary", key="grid-start", disabled=not corpus)
        if st.button("Estimate time", key="grid-time", help="Times a few steps of each shape."):
            recipe = Recipe(tokens=tokens)
            seconds = sum(cache.speed(config, Recipe()).seconds_for(recipe) for config in configs)
            st.caption(f"About {show.duration(seconds)} in all on this machine.")
    if pressed:
        specs = (
            TrainingSpec(
                name=f"{name}-{shape}",
                config=config,
                corpus=str(corpus),
                recipe=Recipe(tokens=tokens),
            )
            for shape, config in zip(shapes, configs, strict=True)
        )
        grid = Sweep(name=name, specs=tuple(specs))
        sweep.keep(grid)
        waiting = {one.name for one in queue.waiting()} | set(queue.training())
        for spec in grid.remaining():
            if spec.name not in waiting:
                queue.add(spec)
        GridState.sweep.set(name)
        st.rerun()
    progress()


def progress() -> None:
    """What trains and what waits."""
    now, later = queue.training(), [one.name for one in queue.waiting()]
    if now or later:
        st.info(show.plain(f"Training: {', '.join(now) or 'starting'}. Waiting: {len(later)}."))
        st.page_link("../pages/train.py", label="Watch them, or take one off the queue")


st.title("What do width and depth do?", anchor=False)
queue.ensure_worker()
if GridState.sweep.get() not in (None, ALL, *sweep.names()):
    GridState.sweep.set(ALL)
with st.container(horizontal=True, vertical_alignment="bottom"):
    view = st.segmented_control(
        "Show",
        [TABLE, CURVES, FINDINGS, TRAIN],
        default=TABLE,
        required=True,
        **GridState.view.bound,
    )
    if view != TRAIN:
        which = ALL
        if view != FINDINGS:
            which = str(
                st.selectbox("Of", [*sweep.names(), ALL], **GridState.sweep.bound, width=190)
            )
        graders = cache.story_judges()
        judge = str(
            st.selectbox(
                "Graded by",
                [*graders, NOBODY],
                **GridState.judge.bound,
                width=260,
                format_func=visible,
            )
        )
with show.one_line():
    if view == TRAIN:
        train()
    else:
        chosen = names_of(which)
        grades = {} if judge == NOBODY else cache.graded_checkpoints(tuple(chosen), judge)
        if view == FINDINGS:
            the_findings(None if judge == NOBODY else judge)
        else:
            graded = {name for each in grades.values() for one in each for name in one.grades}
            there = with_measures(grid_runs(chosen))
            kept = {name for cell in there for name in cell.scores}
            scores = ["bits per byte", "loss", *(name for name in MEASURED if name in kept)]
            scores += [name for name in ALL_DIMENSIONS if name in graded]
            score = str(
                st.segmented_control(
                    "Score",
                    scores,
                    default=scores[0],
                    required=True,
                    **GridState.score.bound,
                    label_visibility="collapsed",
                )
            )
            if view == TABLE:
                the_table(
                    with_grades(there, grades),
                    score,
                    () if which == ALL else commands.sweep(which),
                )
                progress()
            else:
                the_curves(chosen, grades, score)
        for line in [*damaged_runs().values(), *cache.grades_damage()]:
            st.warning(show.plain(line))
