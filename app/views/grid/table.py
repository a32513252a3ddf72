"""The table of width and depth (Figure 3), and every run of it."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from app import cache, commands
from app.figures.grid import table
from app.state import GridState
from app.terms import help_of
from app.widgets import show
from slm.grading.history import GradedCheckpoint
from slm.training.grid import LOSSES, GridRun, grid_cells, of_one_vocabulary

ANY_HEADS = "any"
MEASURED = {
    "facts": "Share of right paired choices about the nursery's world (what is done with a thing, how an "
    "animal looks and lives); chance 0.5. It is not English.",
    "context": "Share of right paired choices between a story's own thing and another's at its second "
    "mention; chance 0.5. Nursery stories, not English.",
    "grammar findings": "Findings of an offline checker per 100 words of a completion of each shipped "
    "opening; fewer is better. No judge: see Grading.",
    "nats saved": "Consistency: nats a token that a completion's first half saves a reference model on "
    "its second. No judge: see Grading.",
}


def with_grades(
    found: Sequence[GridRun], history: dict[str, list[GradedCheckpoint]]
) -> list[GridRun]:
    """Add the mean grades of the newest checkpoint that was graded."""
    return [
        GridRun(
            **{
                **vars(cell),
                "scores": cell.scores
                | {
                    name: newest.mean(name).mean
                    for newest in history.get(cell.run, [])[-1:]
                    for name in newest.grades
                },
            }
        )
        for cell in found
    ]


def with_measures(found: Sequence[GridRun]) -> list[GridRun]:
    """Add what is kept of last checkpoints and needs no judge: right choices, grammar, consistency."""
    kept = cache.kept_measures(tuple(cell.run for cell in found))
    return [
        replace(
            cell,
            scores=cell.scores | {name: one.mean for name, one in kept.get(cell.run, {}).items()},
        )
        for cell in found
    ]


def of_heads(found: Sequence[GridRun]) -> list[GridRun]:
    """Choose runs by their number of heads, where a shape has several: the grid's third axis."""
    numbers = sorted({cell.heads for cell in found})
    shapes = {(cell.width, cell.layers, cell.heads) for cell in found}
    if len(shapes) == len({cell.at for cell in found}):
        return list(found)
    chosen = st.segmented_control(
        "Heads",
        [ANY_HEADS, *map(str, numbers)],
        default=ANY_HEADS,
        required=True,
        **GridState.heads.bound,
        help=help_of("head"),
    )
    return [cell for cell in found if chosen in (ANY_HEADS, str(cell.heads))]


def the_table(found: Sequence[GridRun], score: str, command: commands.Command) -> None:
    """Show Figure 3: a/b for every width and depth; below it every run, ranked or not."""
    if score == "loss":
        found, left_out = of_one_vocabulary(found)
        if left_out:
            names = ", ".join(cell.run for cell in left_out)
            st.info(
                show.plain(
                    f"Nats a token do not compare across vocabularies, so {names} are left out: see bits "
                    "per byte."
                )
            )
    found = of_heads(found)
    there = grid_cells(found, score)
    if not there:
        what = "train a grid" if score in LOSSES else "grade these runs"
        st.info(f"No {score} is there yet: {what} first.")
        return
    unfinished = [cell for place in there.values() for cell in place.unfinished]
    if unfinished:
        st.info(
            show.plain(
                "Not ranked, for they have not read all that they were to read: "
                + ", ".join(f"{cell.run} ({cell.reached})" for cell in unfinished)
                + "."
            )
        )
    show.figure(
        table(there, show.colours(), score),
        name=f"grid-{score.replace(' ', '-')}",
        table=lambda: numbers(found),
        command=command,
        note=f"a/b: {score}, and its place between the worst (0) and the best (1) of the table; of "
        "several runs of one width and depth their mean, and the spread over them. "
        + MEASURED.get(score, ""),
    )
    several = (
        len({cell.vocabulary for cell in found}) > 1
    )  # nats of two vocabularies do not compare
    measured = dict.fromkeys(name for cell in found for name in cell.scores)
    others = [name for name in measured if name != score and not (several and name == "loss")]
    st.dataframe(
        [
            {
                "run": cell.run,
                "width": cell.width,
                "layers": cell.layers,
                "heads": cell.heads,
                score: cell.scores[score],
                **{name: cell.scores.get(name) for name in others},
                "step": cell.step,
                "stands": cell.standing,
                "ranked": cell.ended,
            }
            for _, place in sorted(there.items())
            for cell in sorted(
                (*place.ranked, *place.unfinished), key=lambda cell: cell.scores[score]
            )
        ],
        hide_index=True,
        column_config={
            name: st.column_config.NumberColumn(format="%.3f") for name in (score, *others)
        },
    )


def numbers(found: Sequence[GridRun]) -> str:
    """Write every run and score as CSV; what was not measured is empty."""
    scores = list(dict.fromkeys(name for cell in found for name in cell.scores))
    return show.csv(
        ("run", "width", "layers", "heads", "step", "stands", *scores),
        (
            (
                c.run,
                c.width,
                c.layers,
                c.heads,
                c.step,
                c.standing,
                *(c.scores.get(name, "") for name in scores),
            )
            for c in found
        ),
    )
