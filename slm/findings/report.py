"""All findings on the runs that are there: graded by a judge, measured without one, and from inside."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slm.findings import following, inside, order, recall, shapes
from slm.findings.finding import Finding
from slm.findings.subjects import (
    MeasuredCheckpoint,
    of_grades,
    of_run,
)
from slm.grading import history
from slm.nursery_scores.kept import kept_choices
from slm.runs import Address, Run
from slm.scores.kept import kept_scores
from slm.scores.score import BETTER, MEASURES

SCORES = (
    "measures without a judge: findings of a grammar checker per 100 words (fewer is better), nats per "
    "token that the first half saves a reference model, 3-grams of a story's own"
)
CHOICES = "paired choices on nursery stories, chance 0.5: the nursery's world, not English"


@dataclass(frozen=True, kw_only=True)
class FindingsReport:
    """The findings, and the runs that were looked at."""

    runs: tuple[str, ...]
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """Return every finding as plain values."""
        return {"runs": list(self.runs), "findings": [one.to_json() for one in self.findings]}


def report(runs: Sequence[Run], judge: str | None) -> FindingsReport:
    """Check every finding on these runs; grades are `judge`'s, None for none."""
    if judge is None:
        stories, source = scores_of(runs), SCORES
    else:
        stories = of_grades(g for run in runs for g in history.scored(run, judge))
        source = f"grades by {judge}"
    return FindingsReport(
        runs=tuple(run.name for run in runs),
        findings=(
            *story_findings(stories, source, one_scale=judge is not None),
            *choice_findings(choices_of(runs)),
            *following_findings(runs),
            *inside_findings(runs),
        ),
    )


def story_findings(
    scored: Sequence[MeasuredCheckpoint], source: str, *, one_scale: bool
) -> list[Finding]:
    """Check what is said of grammar, consistency, creativity and plot.

    `one_scale` says that all of them are points of one judge.
    """
    return [
        order.levels_first(scored, "grammar", "consistency", source),
        order.levels_first(scored, "consistency", "creativity", source),
        shapes.appears_between(scored, source),
        order.needs_width(scored, source),
        shapes.depth_helps(scored, source, one_scale=one_scale),
        shapes.leans_on(scored, "plot", "width", "depth", source),
    ]


def scores_of(runs: Sequence[Run]) -> list[MeasuredCheckpoint]:
    """Collect the kept scores of every step that writes words; fewer grammar findings are better."""
    found = []
    for run in runs:
        for step in run.steps:
            kept = kept_scores(Address(run.name, step)) if step else None
            if kept is not None:
                values: dict[str, dict[str, float]] = {
                    name: {at: BETTER[name] * value for at, value in kept.by_opening(name).items()}
                    for name in MEASURES
                    if BETTER[name]
                }
                found.append(of_run(run, step, values))
    return found


def choices_of(runs: Sequence[Run]) -> list[MeasuredCheckpoint]:
    """Collect what is kept of the paired choices at each run's last step."""
    found = []
    for run in runs:
        step = run.last_step
        if step is not None and (kept := kept_choices(str(Address(run.name, step)))):
            found.append(of_run(run, step, kept.right))
    return found


def choice_findings(measured: Sequence[MeasuredCheckpoint]) -> list[Finding]:
    """Check what is said of facts and of context."""
    return [
        shapes.leans_on(measured, "facts", "width", "depth", CHOICES),
        shapes.leans_on(measured, "context", "depth", "width", CHOICES),
    ]


def following_findings(runs: Sequence[Run]) -> list[Finding]:
    """Check what is said of one and two layers and instructions."""
    there = following.asked(runs)
    return [following.follows(there, measure) for measure in following.ASKED]


def inside_findings(runs: Sequence[Run]) -> list[Finding]:
    """Check what is said of copying, of heads and of neurons."""
    there = inside.seen(runs)
    return [
        recall.copies_no_more(recall.recalled(runs)),
        inside.heads_of(
            there,
            inside.DISTANCE,
            "A one-layer model has heads that attend at a fixed distance, each at its own",
            distances=2,
        ),
        inside.heads_of(
            there, inside.SEMANTIC, "A one-layer model has heads that attend by what words mean"
        ),
        inside.roles_fade(there),
    ]
