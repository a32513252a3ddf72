"""The table of width and depth (the paper's Figure 3's kind): what each shape reached."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from slm.model.config import count_parameters
from slm.runs import Run, runs_dir
from slm.training.sweep import Standing, standing

LOSSES = ("loss", "bits per byte")
LOWER_IS_BETTER = (*LOSSES, "grammar findings")


@dataclass(frozen=True, kw_only=True)
class GridRun:
    """One run of a grid; `scores` holds what was measured, by name.

    `vocabulary` is its tokenizer's hash: nats a token compare within one; `parameters` are those of the
    blocks, N in 6 N D, the operations of a training on D tokens (Kaplan et al. 2020).
    """

    run: str
    width: int
    layers: int
    heads: int
    vocabulary: str = ""
    parameters: int = 0
    standing: Standing
    step: int | None
    scores: dict[str, float]

    @property
    def ended(self) -> bool:
        """Whether it has read its whole budget, so that it can be ranked."""
        return self.standing in ("finished", "imported")

    @property
    def reached(self) -> str:
        """Its state and its last step, in words."""
        return self.standing + ("" if self.step is None else f" at step {self.step:,}")

    @property
    def at(self) -> tuple[int, int]:
        """Its width and depth."""
        return self.width, self.layers


@dataclass(frozen=True, kw_only=True)
class GridCell:
    """The runs of one width and depth that have a score: ranked ones, and those not ended.

    `mean` is over the ranked ones; `place` is their mean, scaled to 0 (worst) to 1 (best) over all
    widths and depths; None where none is ranked.
    """

    ranked: tuple[GridRun, ...]
    unfinished: tuple[GridRun, ...]
    mean: float | None
    place: float | None


def grid_cells(found: Sequence[GridRun], score: str) -> dict[tuple[int, int], GridCell]:
    """Rank every width and depth by the mean of one score; runs that have not ended are not ranked."""
    measured = [cell for cell in found if score in cell.scores]
    means = {
        at: fmean(cell.scores[score] for cell in measured if cell.at == at and cell.ended)
        for at in dict.fromkeys(cell.at for cell in measured if cell.ended)
    }
    sign = -1 if score in LOWER_IS_BETTER else 1
    ranks = normalised([sign * mean for mean in means.values()]) if means else []
    rank_of = dict(zip(means, ranks, strict=True))
    return {
        at: GridCell(
            ranked=tuple(cell for cell in measured if cell.at == at and cell.ended),
            unfinished=tuple(cell for cell in measured if cell.at == at and not cell.ended),
            mean=means.get(at),
            place=rank_of.get(at),
        )
        for at in dict.fromkeys(cell.at for cell in measured)
    }


def grid_runs(names: Sequence[str]) -> list[GridRun]:
    """Collect the state and scores of the named runs, without those not begun or damaged."""
    found = []
    for name in names:
        if (now := standing(name)) in ("to do", "damaged"):
            continue
        run = Run(runs_dir() / name)
        last, config = run.last_validation(), run.config
        counted = count_parameters(config)
        scores = {}
        if last is not None and last.val_loss is not None and last.val_bits_per_byte is not None:
            scores = {"loss": last.val_loss, "bits per byte": last.val_bits_per_byte}
        found.append(
            GridRun(
                run=name,
                width=config.d_model,
                layers=config.n_layers,
                heads=config.n_heads,
                vocabulary=run.tokenizer_hash,
                parameters=counted.attention + counted.mlp,
                standing=now,
                step=last.step if last else None,
                scores=scores,
            )
        )
    return found


def of_one_vocabulary(found: Sequence[GridRun]) -> tuple[list[GridRun], list[GridRun]]:
    """Split runs into those of the commonest vocabulary and the others, whose nats do not compare."""
    counts = Counter(one.vocabulary for one in found)
    most = max(counts, key=lambda name: counts[name], default="")
    return (
        [one for one in found if one.vocabulary == most],
        [one for one in found if one.vocabulary != most],
    )


def frontier(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the (compute, loss) points that no point of at most as much compute beats, by compute."""
    best: list[tuple[float, float]] = []
    for compute, loss in sorted(points):
        if not best or loss < best[-1][1]:
            best.append((compute, loss))
    return best


def normalised(values: Sequence[float]) -> list[float]:
    """Scale values to (a - a_min) / (a_max - a_min), as in the paper's table; 0 where all are equal."""
    low, high = min(values), max(values)
    return [(value - low) / (high - low) if high > low else 0.0 for value in values]
