"""Effects of width and depth, over the runs of a grid with one corpus and budget."""

from dataclasses import dataclass
from itertools import groupby
from statistics import fmean

import numpy as np

from slm.comparing.development import WordGroup
from slm.errors import BadInput
from slm.lessons.measures.learning import word_costs
from slm.lessons.measures.measured import Measured
from slm.runs import Checkpoint, Run, list_runs, open_run

CONTEXT: WordGroup = "later mentions"
WORLD: WordGroup = "what happens"
MORE = 0.05


@dataclass(frozen=True, kw_only=True)
class ShapeRun:
    """A run of a grid, by its shape."""

    run: Run
    width: int
    depth: int


def grid() -> list[ShapeRun]:
    """Return the largest set of runs that differ in shape alone.

    They share corpus, context and budget, and were trained to their end.
    """
    trained = [run for run in list_runs() if run.last_step and run.info.recipe]

    def made(run: Run) -> tuple[str, int]:
        info = run.info
        return str(info.corpus.get("train_hash", "")), int(info.recipe.get("tokens", 0))

    sets = [list(some) for _, some in groupby(sorted(trained, key=made), key=made)]
    cells = [
        [
            ShapeRun(run=run, width=run.config.d_model, depth=run.config.n_layers)
            for run in some
            if run.config.n_ctx == some[0].config.n_ctx
        ]
        for some in sets
    ]
    return max(cells, key=lambda some: len({(one.width, one.depth) for one in some}), default=[])


def apart(by: str) -> tuple[ShapeRun, ShapeRun]:
    """Return the two runs furthest apart in width (or depth) and equal in the other.

    Raises `BadInput` where no two runs differ in it alone.
    """

    def value(cell: ShapeRun) -> int:
        return cell.width if by == "width" else cell.depth

    def other(cell: ShapeRun) -> int:
        return cell.depth if by == "width" else cell.width

    rows = [
        list(some)
        for _, some in groupby(sorted(grid(), key=lambda one: (other(one), value(one))), key=other)
    ]
    pairs = [(row[0], row[-1]) for row in rows if value(row[0]) < value(row[-1])]
    if not pairs:
        raise BadInput(f"no two runs here differ in {by} alone: train a grid first")
    return max(pairs, key=lambda pair: value(pair[1]) / value(pair[0]))


def depth_share(part: WordGroup, seed: int) -> float:
    """Estimate depth's share of the loss reduction from doubling both depth and width.

    Fits a part's loss by least squares on log2 of width and of depth.
    """
    cells = grid()
    if len({one.width for one in cells}) < 2 or len({one.depth for one in cells}) < 2:
        raise BadInput("it takes runs of two widths and two depths with one corpus and budget")
    costs = [word_costs(one.run, one.run.last_step or 0, seed)[part] for one in cells]
    known = np.array([[1.0, np.log2(one.width), np.log2(one.depth)] for one in cells])
    (_, width, depth), *_ = np.linalg.lstsq(known, np.array(costs), rcond=None)
    gained = max(-width, 0.0) + max(-depth, 0.0)
    return max(-depth, 0.0) / gained if gained > 0 else 0.0


def depth_for_context(checkpoint: Checkpoint) -> Measured:
    """Compare how much context and world lean on depth, on two sets of stories."""
    _check_trained(checkpoint)
    context, world = ([depth_share(part, seed) for seed in (0, 1)] for part in (CONTEXT, WORLD))
    more = [a - b for a, b in zip(context, world, strict=True)]
    return Measured(
        holds=bool(min(more) >= MORE and fmean(more) > abs(more[0] - more[1])),
        measured=fmean(context),
        control=fmean(world),
        unit="share",
        what=f"{len(grid())} shapes",
    )


def _check_trained(checkpoint: Checkpoint) -> None:
    if checkpoint.address.step != open_run(checkpoint.address.run).last_step:
        raise BadInput("it compares trained models: show the last checkpoint of a run")
