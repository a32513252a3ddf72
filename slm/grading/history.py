"""Grades over training: what a judge thought of a run's checkpoints, opening by opening."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slm.errors import BadInput
from slm.grading.items import Conversation
from slm.grading.protocol import Grade
from slm.grading.questions import graded
from slm.grading.store import GradeStore
from slm.runs import Address, Run, list_runs
from slm.stats.bootstrap import bootstrap_mean
from slm.stats.interval import Interval


@dataclass(frozen=True, kw_only=True)
class GradedCheckpoint:
    """One checkpoint as one judge graded it: `grades[dimension][opening]` is the mean over stories."""

    run: str
    step: int
    tokens: int
    width: int
    layers: int
    judge: str
    grades: dict[str, dict[str, float]]

    def mean(self, dimension: str) -> Interval:
        """Estimate a dimension's mean grade, with a bootstrap interval over openings."""
        by_opening = self.grades[dimension]
        return bootstrap_mean(list(by_opening.values()), list(by_opening))


def judges() -> list[str]:
    """List the judges of any story of any run whose grades can be read (see `damage`)."""
    found = {
        row.judge
        for run in list_runs()
        for row in readable(run)
        if row.finished and row.item.kind == "story"
    }
    return sorted(found)


def damage(runs: Sequence[Run]) -> list[str]:
    """List the runs whose grades cannot be read, one line per run."""
    found = []
    for run in runs:
        try:
            GradeStore(run.grades_path).conversations()
        except BadInput as error:
            found.append(str(error))
    return found


def readable(run: Run) -> list[Conversation]:
    """Return every reply about a run; empty where they cannot be read."""
    try:
        return GradeStore(run.grades_path).conversations()
    except BadInput:
        return []


def scored(run: Run, judge: str) -> list[GradedCheckpoint]:
    """Collect the checkpoints of `run` that `judge` graded, by step; texts of no model are left out."""
    found: dict[int, dict[str, dict[str, list[float]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for row in readable(run):
        if not row.finished or row.judge != judge or row.item.kind != "story":
            continue
        if row.item.rubric is not None:  # the findings are about the paper's dimensions
            continue
        try:
            address, one = Address.parse(row.item.address), graded(row)
        except BadInput:  # no address of ours
            continue
        if address.run != run.name or address.step is None or not isinstance(one.outcome, Grade):
            continue
        for dimension, value in one.outcome.grades.items():
            found[address.step][dimension][row.item.opening].append(value)
    config, tokens = run.config, {metric.step: metric.tokens for metric in run.metrics()}
    return [
        GradedCheckpoint(
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
