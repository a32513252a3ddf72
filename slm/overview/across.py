"""Finds across runs, from their kept overviews: copying, and width and depth."""

from collections.abc import Sequence
from dataclasses import dataclass

from slm.memorization.study import MATTERS
from slm.overview.kept import kept_overview
from slm.overview.records import Copying, Find, Overview, Text
from slm.runs import Address, Run
from slm.training import sweep
from slm.training.grid import GridRun, grid_runs

SCORE = "bits per byte"
LEAST_CELLS = 4
WORDS = 24
"""Words of an ending in a small picture."""


def finds_across(runs: Sequence[Run]) -> tuple[Find, ...]:
    """Collect the finds across runs, with those that were not found."""
    return copied_find(runs), grid_find()


def copied_find(runs: Sequence[Run]) -> Find:
    """Find the run that copies its training stories most, beside the one that copies least.

    Read from the kept overviews of the runs' last steps.
    """
    both = positive_and_negative(runs)
    if both is None:
        found = _with_copying(runs)
        copies = [one for one in found if _copies(one.copying)]
        return Find(
            kind="copied and not copied",
            found=False,
            says=f"No run that copies beside one that does not: of {len(found)} whose corpus can be made "
            f"again, {len(copies)} write more of a true ending that they were trained on (needed "
            f"{MATTERS:g}).",
            value=found[-1].copying.more.mean if found else None,
            needed=MATTERS,
            link={},
        )
    run, other = both
    more, less = run.copying, other.copying
    return Find(
        kind="copied and not copied",
        found=True,
        says=f"{run.run} (trained on {more.trained_on:,} stories) shares {more.more.to_text()} more word "
        "pairs with a true ending that it was trained on than with one it never saw; "
        f"{other.run} ({less.trained_on:,} stories) {less.more.to_text()}.",
        value=more.more.mean,
        control=less.more.mean,
        needed=MATTERS,
        link={"a": run.address, "corpus": more.corpus},
        texts=(*_endings(run.run, more), *_endings(other.run, less)),
    )


@dataclass(frozen=True, kw_only=True)
class RunCopying:
    """How much a run's last checkpoint copies, in the overview that is kept of it."""

    run: str
    address: str
    overview: Overview
    copying: Copying


def positive_and_negative(runs: Sequence[Run]) -> tuple[RunCopying, RunCopying] | None:
    """Return the run that copies most, and of those that do not copy the one that does so least.

    By the overviews that are kept of last steps; None where there are not both.
    """
    found = _with_copying(runs)
    if not found or not _copies(found[-1].copying) or _copies(found[0].copying):
        return None
    return found[-1], found[0]


def _with_copying(runs: Sequence[Run]) -> list[RunCopying]:
    """Return runs whose copying is kept, the one that copies least first."""
    found = []
    for run in runs:
        kept = kept_overview(run.name) if run.steps else None
        if kept is not None and kept.copying is not None:
            address = str(Address(run.name, run.last_step))
            found.append(
                RunCopying(run=run.name, address=address, overview=kept, copying=kept.copying)
            )
    return sorted(found, key=lambda one: one.copying.more.mean)


def _copies(one: Copying) -> bool:
    return one.more.low > 0 and one.more.mean >= MATTERS


def _endings(name: str, one: Copying) -> tuple[Text, ...]:
    return (
        Text(name=f"{name} was given", text=f"… {' '.join(one.given.split()[-WORDS // 2 :])}"),
        Text(name=f"{name} wrote", text=" ".join(one.wrote.split()[:WORDS])),
        Text(name="the true ending", text=" ".join(one.true_ending.split()[:WORDS])),
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


def _cells(name: str) -> list[GridRun]:
    plan = sweep.load(name)
    return [one for one in grid_runs(plan.runs) if one.ended]


def _shape(cell: GridRun) -> str:
    return f"width {cell.width}, {cell.layers} layer{'s' if cell.layers > 1 else ''}"
