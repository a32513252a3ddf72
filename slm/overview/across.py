"""What is worth seeing across runs, from what is kept with them: what is copied, and width and depth."""

from collections.abc import Sequence

from slm.memorization.study import MATTERS
from slm.overview.kept import kept_overview
from slm.overview.records import Copying, Find, Text
from slm.runs import Address, Run
from slm.training import sweep
from slm.training.grid import Cell, cells

SCORE = "bits per byte"
LEAST_CELLS = 4


def finds_across(runs: Sequence[Run]) -> tuple[Find, ...]:
    """Collect the finds across runs, with those that were not found."""
    return copied_find(runs), grid_find()


def copied_find(runs: Sequence[Run]) -> Find:
    """Find the run that copies its training stories most, beside the one that copies least.

    Read from the kept overviews of the runs' last steps.
    """
    found: list[tuple[Run, Copying]] = []
    for run in runs:
        kept = kept_overview(run.name) if run.steps else None
        if kept is not None and kept.copying is not None:
            found.append((run, kept.copying))
    found.sort(key=lambda one: one[1].more.mean)
    copies = [one for one in found if _copies(one[1])]
    others = [one for one in found if not _copies(one[1])]
    if not copies or not others:
        return Find(
            kind="copied and not copied",
            found=False,
            says=f"No run that copies beside one that does not: of {len(found)} whose corpus can be made "
            f"again, {len(copies)} write more of a true ending that they were trained on (needed "
            f"{MATTERS:g}).",
            value=found[-1][1].more.mean if found else None,
            needed=MATTERS,
            link={},
        )
    (run, more), (other, less) = copies[-1], others[0]
    return Find(
        kind="copied and not copied",
        found=True,
        says=f"{run.name} (trained on {more.trained_on:,} stories) shares {more.more.to_text()} more word "
        "pairs with a true ending that it was trained on than with one it never saw; "
        f"{other.name} ({less.trained_on:,} stories) {less.more.to_text()}.",
        value=more.more.mean,
        control=less.more.mean,
        needed=MATTERS,
        link={"a": str(Address(run.name, run.last_step)), "corpus": more.corpus},
        texts=(*_endings(run.name, more), *_endings(other.name, less)),
    )


def _copies(one: Copying) -> bool:
    return one.more.low > 0 and one.more.mean >= MATTERS


def _endings(name: str, one: Copying) -> tuple[Text, ...]:
    return (
        Text(name=f"{name} was given", text=f"… {one.given}"),
        Text(name=f"{name} wrote", text=one.wrote),
        Text(name="the true ending", text=one.true_ending),
    )


def grid_find() -> Find:
    """Find the best and the worst shape of the sweep with the most finished shapes."""
    ended = {name: [one for one in _cells(name) if SCORE in one.scores] for name in sweep.names()}
    name = max(ended, key=lambda name: len(ended[name]), default="")
    found = ended.get(name, [])
    if len(found) < LEAST_CELLS:
        return Find(
            kind="width and depth",
            found=False,
            says=f"No grid of shapes: the largest has {len(found)} shapes that have ended (needed "
            f"{LEAST_CELLS}).",
            value=float(len(found)),
            needed=float(LEAST_CELLS),
            link={},
        )
    best, worst = (pick(found, key=lambda one: one.scores[SCORE]) for pick in (min, max))
    return Find(
        kind="width and depth",
        found=True,
        says=f"Of {len(found)} shapes, {_shape(best)} comes to {best.scores[SCORE]:.2f} bits per byte, "
        f"{_shape(worst)} to {worst.scores[SCORE]:.2f} (lower is better).",
        value=best.scores[SCORE],
        control=worst.scores[SCORE],
        link={"grid": name},
    )


def _cells(name: str) -> list[Cell]:
    plan = sweep.load(name)
    return [one for one in cells(plan.runs) if one.ended]


def _shape(cell: Cell) -> str:
    return f"width {cell.width}, {cell.layers} layer{'s' if cell.layers > 1 else ''}"
