"""Curves over training: losses, and everything measured of a run's checkpoints."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any, Literal

from slm.comparing.measured import (
    ANY_KIND,
    BEST_HEAD,
    BY_PROBABILITY,
    HEADS,
    KNOWLEDGE,
    MEASURED_KINDS,
    kept,
    missing,
)
from slm.runs import Address, Metric, Run
from slm.stats.bootstrap import mean_of_known
from slm.stats.interval import Interval

CurveAxis = Literal["tokens", "seconds", "steps"]

BITS, LOSS = "bits per byte", "nats per token"
COPYING, NEW, GRADES, FOLLOWING = "copying", "novelty", "grades", "following"
MEASURES = (BITS, LOSS, KNOWLEDGE, COPYING, HEADS, BEST_HEAD, NEW, FOLLOWING, GRADES)
SHOWN_FIRST = {
    KNOWLEDGE: "all",
    HEADS: ANY_KIND,
    BEST_HEAD: "induction in stories",
    FOLLOWING: "sentence",
}
"""What of a measure is meant where nobody says."""
COPIED = 2
"""Copying is the share of an ending's runs of so many words that the true ending has too."""
NEW_WORDS = 4
"""Novelty is the share of an ending's runs of so many words that stand nowhere in the corpus."""


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """A measured value after so many steps, tokens and seconds of training.

    With its 95 % interval, its baseline and its number of observations, where it has these. `which`
    is the head that a head's score is of.
    """

    step: int
    tokens: int
    seconds: float
    value: float
    low: float | None = None
    high: float | None = None
    baseline: float | None = None
    count: int | None = None
    which: str = ""

    def over(self, axis: CurveAxis) -> float:
        """Return the point's coordinate on an axis."""
        return float({"tokens": self.tokens, "seconds": self.seconds, "steps": self.step}[axis])


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One measure of one run, in the order of training.

    `of` is what of the measure is meant, where there are several; `baseline` what its points'
    baselines are.
    """

    run: str
    measure: str
    of: str = ""
    baseline: str = ""
    points: tuple[CurvePoint, ...]


def curves(runs: Sequence[Run]) -> list[Curve]:
    """Return validation loss, bits per byte and every kept measurement of these runs as curves.

    A checkpoint without a value is a gap, and so is one whose value is of other weights than it has.
    """
    return [curve for run in runs for curve in _curves(run) if curve.points]


def damage(runs: Sequence[Run]) -> list[str]:
    """List the damaged files behind these runs' curves, one line per file."""
    from slm.grading import history
    from slm.memorization import kept as studies

    logs = [line for run in runs for line in run.damage()]
    kept_there = [line for run in runs for line in studies.damage(run)]
    return list(dict.fromkeys([*logs, *history.damage(runs), *kept_there]))


def curves_json(runs: Sequence[Run]) -> dict[str, Any]:
    """Return every curve of these runs, the steps that are not measured, and what cannot be read."""
    gaps = {what: {run.name: missing(run, what) for run in runs} for what in MEASURED_KINDS}
    return {
        "runs": [run.name for run in runs],
        "curves": [asdict(curve) for curve in curves(runs)],
        "not measured": {
            what: {name: steps for name, steps in of.items() if steps} for what, of in gaps.items()
        },
        "damage": damage(runs),
    }


def _curves(run: Run) -> Iterator[Curve]:
    metrics = run.metrics()
    for measure, values in (
        (BITS, [(metric, metric.val_bits_per_byte) for metric in metrics]),
        (LOSS, [(metric, metric.val_loss) for metric in metrics]),
    ):
        points = tuple(_point(metric, value) for metric, value in values if value is not None)
        yield Curve(run=run.name, measure=measure, points=points)
    at = {metric.step: metric for metric in metrics}
    yield from _measured(run, at)
    yield from _copying(run, at)
    yield from _new(run, at)
    yield from _following(run, at)
    yield from _grades(run, at)


def _measured(run: Run, at: dict[int, Metric]) -> Iterator[Curve]:
    """Yield the kept knowledge and head measurements as curves."""
    for what in MEASURED_KINDS:
        points: dict[tuple[str, str], list[CurvePoint]] = {}
        for step in run.steps:
            for one in (step in at and kept(run, step, what)) or ():
                points.setdefault((one.measure, one.of), []).append(
                    _point(
                        at[step],
                        one.value,
                        low=one.low,
                        high=one.high,
                        baseline=one.baseline,
                        count=one.count,
                        which=one.which,
                    )
                )
        for (measure, of), found in points.items():
            yield Curve(
                run=run.name,
                measure=measure,
                of=of,
                baseline=_baseline(measure, of),
                points=tuple(found),
            )


def _baseline(measure: str, of: str) -> str:
    if measure == KNOWLEDGE:
        by_probability = of.endswith(BY_PROBABILITY)
        return "guessing" if by_probability else "by the answers of other prompts"
    return "with shuffled weights" if measure == HEADS else "the head's attention, moved"


def _copying(run: Run, at: dict[int, Metric]) -> Iterator[Curve]:
    """Yield the share of a true ending that is written, beside that of held-out stories.

    Studies of the same texts, number of stories and sampling are one curve; of two such with the same
    name the one with the most checkpoints.
    """
    from slm.memorization.kept import kept_studies

    found: dict[tuple[str, str], dict[int, CurvePoint]] = {}
    for made, settings, study in kept_studies(run):
        address = next(iter(made.weights), "")
        step = made.step_of(run, address)
        copied = mean_of_known(study.measures["trained"].rouge_precision[COPIED])
        if step not in at or copied is None:
            continue
        sampling, texts = settings.sampling, settings.texts
        of = f"{settings.stories} stories of {texts.corpus}, temperature {sampling.temperature:g}"
        found.setdefault((of, f"{texts} {sampling}"), {})[step] = _mean_point(
            at[step], copied, baseline=_mean(study.measures["unseen"].rouge_precision[COPIED])
        )
    yield from _fullest(run, COPYING, "stories it never saw", found)


def _new(run: Run, at: dict[int, Metric]) -> Iterator[Curve]:
    """Yield the share of new n-grams beside people's, of the study with the most checkpoints."""
    from slm.memorization.kept import kept_novelty

    found: dict[tuple[str, str], dict[int, CurvePoint]] = {}
    for made, _, study in kept_novelty(run):
        people = _mean(study.people.get(NEW_WORDS, []))
        for one in study.points:
            step, new = made.step_of(run, one.address), mean_of_known(one.new.get(NEW_WORDS, []))
            if step not in at or new is None:
                continue
            of = f"temperature {one.temperature:g}"
            found.setdefault((of, f"{made}"), {})[step] = _mean_point(
                at[step], new, baseline=people
            )
    yield from _fullest(run, NEW, "people's endings", found)


def _following(run: Run, at: dict[int, Metric]) -> Iterator[Curve]:
    """Yield the share of what requests ask for that is kept, beside the same stories' for others."""
    from slm.following.kept import kept_over_training
    from slm.following.requests import MEASURES as PARTS

    kept = kept_over_training(run)
    for part in PARTS:
        scores = {step: found.scores.by_measure[part] for step, found in kept.items()}
        points = tuple(
            _mean_point(at[step], one.share, baseline=one.chance.mean)
            for step, one in scores.items()
            if step in at
        )
        yield Curve(
            run=run.name,
            measure=FOLLOWING,
            of=part,
            baseline="scored for other requests",
            points=points,
        )


def _fullest(
    run: Run, measure: str, baseline: str, found: dict[tuple[str, str], dict[int, CurvePoint]]
) -> Iterator[Curve]:
    """Yield, of the curves with the same name, the one with the most points."""
    best: dict[str, dict[int, CurvePoint]] = {}
    for (of, _), points in found.items():
        if len(points) > len(best.get(of, {})):
            best[of] = points
    for of, points in best.items():
        line = tuple(points[step] for step in sorted(points))
        yield Curve(run=run.name, measure=measure, of=of, baseline=baseline, points=line)


def _grades(run: Run, at: dict[int, Metric]) -> Iterator[Curve]:
    from slm.grading.history import readable
    from slm.grading.questions import graded
    from slm.grading.scores import summary

    graded_rows = [row for row in readable(run) if row.finished and row.item.kind == "story"]
    points: dict[str, list[CurvePoint]] = {}
    for step in run.steps:
        if step not in at:
            continue
        address = str(Address(run.name, step))
        here = [row for row in graded_rows if row.item.address == address]
        for judge in dict.fromkeys(row.judge for row in here):
            told = summary([graded(row) for row in here if row.judge == judge])
            for name, mean in told.means.items():
                points.setdefault(f"{name} (graded by {judge})", []).append(
                    _mean_point(at[step], mean)
                )
    for of, found in points.items():
        yield Curve(run=run.name, measure=GRADES, of=of, points=tuple(found))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _mean_point(metric: Metric, mean: Interval, baseline: float | None = None) -> CurvePoint:
    low, high = mean.bounds or (None, None)
    return _point(metric, mean.mean, low=low, high=high, baseline=baseline, count=mean.n)


def _point(
    metric: Metric,
    value: float,
    *,
    low: float | None = None,
    high: float | None = None,
    baseline: float | None = None,
    count: int | None = None,
    which: str = "",
) -> CurvePoint:
    return CurvePoint(
        step=metric.step,
        tokens=metric.tokens,
        seconds=metric.seconds,
        value=value,
        low=low,
        high=high,
        baseline=baseline,
        count=count,
        which=which,
    )
