"""Measured checkpoints: what a finding is tested on, opening by opening."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from jaxtyping import Float

from slm.errors import BadInput
from slm.grading.history import GradedCheckpoint
from slm.runs import Run, open_run
from slm.stats.bootstrap import resample_counts

LEAST_OPENINGS = 5
"""Fewer say nothing about others."""
Conditions = tuple[str, str, int]


@dataclass(frozen=True, kw_only=True)
class MeasuredCheckpoint:
    """One checkpoint with `values[measure][opening]`, higher being better.

    An opening is whatever is resampled: a story's opening, or a pair of choices. `vocabulary` names the
    tokenizer, `corpus` the training stories, `budget` the tokens that the run was to read.
    """

    run: str
    step: int
    tokens: int
    width: int
    layers: int
    heads: int
    vocabulary: str
    corpus: str
    budget: int
    values: Mapping[str, Mapping[str, float]]

    @property
    def conditions(self) -> Conditions:
        """What runs must share besides the other axis to be compared."""
        return self.vocabulary, self.corpus, self.budget


def of_run(run: Run, step: int, values: Mapping[str, Mapping[str, float]]) -> MeasuredCheckpoint:
    """Describe a checkpoint of a run by its shape and by how it was trained."""
    config, info = run.config, run.info
    tokens = {metric.step: metric.tokens for metric in run.metrics()}
    return MeasuredCheckpoint(
        run=run.name,
        step=step,
        tokens=tokens.get(step, 0),
        width=config.d_model,
        layers=config.n_layers,
        heads=config.n_heads,
        vocabulary=run.tokenizer_hash,
        corpus=str((info.corpus or {}).get("train_hash", "")),
        budget=int((info.recipe or {}).get("tokens", 0)),
        values=values,
    )


def of_grades(graded: Iterable[GradedCheckpoint]) -> list[MeasuredCheckpoint]:
    """Describe what a judge graded; runs that are gone are left out."""
    found = []
    for one in graded:
        try:
            run = open_run(one.run)
        except BadInput:
            continue
        found.append(replace(of_run(run, one.step, one.grades), tokens=one.tokens))
    return found


def last_of_runs(checkpoints: Sequence[MeasuredCheckpoint]) -> list[MeasuredCheckpoint]:
    """Return the last measured checkpoint of each run."""
    found: dict[str, MeasuredCheckpoint] = {}
    for one in sorted(checkpoints, key=lambda one: one.step):
        found[one.run] = one
    return list(found.values())


def draws_of(
    checkpoints: Sequence[MeasuredCheckpoint], measures: Sequence[str], seed: int = 0
) -> tuple[Float[np.ndarray, "measure checkpoint draw"], int]:
    """Compute mean values over the openings that all checkpoints have in all measures, and resamples.

    The openings are resampled alike everywhere (Efron 1979). The first draw is all openings, each once.
    Returns the number of openings too.
    """
    shared = set.intersection(
        *(set(one.values.get(name, {})) for one in checkpoints for name in measures)
    )
    openings = sorted(shared)
    if len(openings) < LEAST_OPENINGS:
        return np.empty((len(measures), len(checkpoints), 0)), len(openings)
    values = np.array(
        [[[one.values[name][at] for at in openings] for one in checkpoints] for name in measures]
    )
    weights = np.vstack([np.ones(len(openings)), resample_counts(len(openings), seed)])
    return values @ weights.T / len(openings), len(openings)


@dataclass(frozen=True, kw_only=True)
class Rectangle:
    """Runs of every width at every depth, alike in vocabulary, corpus, budget and the width of a head."""

    widths: tuple[int, ...]
    depths: tuple[int, ...]
    at: Mapping[tuple[int, int], MeasuredCheckpoint]

    @property
    def runs(self) -> list[MeasuredCheckpoint]:
        """The runs, width by width."""
        return [self.at[width, depth] for width in self.widths for depth in self.depths]


def rectangle(
    last: Sequence[MeasuredCheckpoint],
    allowed: Callable[[Sequence[int], Sequence[int]], bool],
) -> tuple[Rectangle | None, tuple[str, ...]]:
    """Choose the largest complete grid of comparable runs that is `allowed` (widths, depths).

    Also returns warnings: which runs are left out since they were trained otherwise.
    """
    groups: dict[object, list[MeasuredCheckpoint]] = defaultdict(list)
    for one in sorted(last, key=lambda one: one.run):
        groups[one.conditions, one.width // one.heads].append(one)
    best: Rectangle | None = None
    chosen: list[MeasuredCheckpoint] = []
    for group in groups.values():
        at = {(one.width, one.layers): one for one in reversed(group)}
        widths = sorted({width for width, _ in at})
        for count in range(1, len(widths) + 1):
            for some in combinations(widths, count):
                depths = [
                    depth
                    for depth in sorted({depth for _, depth in at})
                    if all((width, depth) in at for width in some)
                ]
                size = len(some) * len(depths)
                larger = best is None or size > len(best.widths) * len(best.depths)
                if depths and larger and allowed(some, depths):
                    best = Rectangle(widths=some, depths=tuple(depths), at=at)
                    chosen = group
    outside = sorted({one.run for one in last} - {one.run for one in chosen})
    if not outside or best is None:
        return best, ()
    return best, (
        "left out, for another vocabulary, corpus, budget or width of a head: "
        + ", ".join(outside),
    )
