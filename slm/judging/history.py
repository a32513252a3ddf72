"""Grades over training: what a judge thought of a run's checkpoints, opening by opening."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from slm.judging.grades import GradeStore
from slm.judging.protocol import ALL_DIMENSIONS, Grade
from slm.judging.questions import graded
from slm.judging.resampling import Mean, mean_over
from slm.runs import Address, Run, list_runs


@dataclass(frozen=True, kw_only=True)
class Scored:
    """One checkpoint as one judge graded it: `grades[dimension][opening]` is the mean over stories."""

    run: str
    step: int
    tokens: int
    width: int
    layers: int
    judge: str
    grades: dict[str, dict[str, float]]

    def mean(self, dimension: str) -> Mean:
        """A dimension's mean over openings, with its interval."""
        by_opening = self.grades[dimension]
        return mean_over(list(by_opening), list(by_opening.values()))


def judges() -> list[str]:
    """Everybody who graded a story of any run."""
    found = {
        row.judge
        for run in list_runs()
        if run.grades_path.exists()
        for row in GradeStore(run.grades_path).rows()
        if row.finished and row.item.kind == "story"
    }
    return sorted(found)


def scored(run: Run, judge: str) -> list[Scored]:
    """The checkpoints of `run` that `judge` graded, by step. Stories of no model are left out."""
    if not run.grades_path.exists():
        return []
    found: dict[int, dict[str, dict[str, list[float]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for row in GradeStore(run.grades_path).rows():
        if not row.finished or row.judge != judge or row.item.kind != "story":
            continue
        address, one = Address.parse(row.item.address), graded(row)
        if address.run != run.name or address.step is None or not isinstance(one.outcome, Grade):
            continue
        for dimension in ALL_DIMENSIONS:
            if (value := getattr(one.outcome, dimension)) is not None:
                found[address.step][dimension][row.item.opening].append(value)
    config, tokens = run.config, {metric.step: metric.tokens for metric in run.metrics()}
    return [
        Scored(
            run=run.name,
            step=step,
            tokens=tokens.get(step, 0),
            width=config.d_model,
            layers=config.n_layers,
            judge=judge,
            grades={
                dimension: {opening: float(np.mean(values)) for opening, values in each.items()}
                for dimension, each in dimensions.items()
            },
        )
        for step, dimensions in sorted(found.items())
    ]
