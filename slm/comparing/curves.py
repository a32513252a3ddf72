"""What runs wrote down while they learned, and what was measured of their checkpoints, as curves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal

from slm.runs import Address, Metric, Run

Over = Literal["tokens", "seconds", "steps"]

BITS, LOSS = "bits per byte", "nats per token"
NEW_WORDS = 4
NEW = f"new runs of {NEW_WORDS} words"
PEOPLE = "people, for "
"""What a curve of people's endings is called; the name of the run whose study it is follows."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """A value after so many steps, tokens and seconds of training."""

    step: int
    tokens: int
    seconds: float
    value: float

    def over(self, axis: Over) -> float:
        """Where it stands on an axis."""
        return float({"tokens": self.tokens, "seconds": self.seconds, "steps": self.step}[axis])


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One measure of one run, in the order of training."""

    run: str
    measure: str
    points: tuple[Point, ...]


def curves(runs: Sequence[Run]) -> list[Curve]:
    """Bits per byte and loss on validation stories; grades and novelty where they were measured.

    People's curves come last, beside those of the models.
    """
    found = [curve for run in runs for curve in _curves(run) if curve.points]
    return sorted(found, key=lambda curve: curve.run.startswith(PEOPLE))


def _curves(run: Run) -> Iterator[Curve]:
    metrics = run.metrics()
    for measure, values in (
        (BITS, [(metric, metric.val_bits_per_byte) for metric in metrics]),
        (LOSS, [(metric, metric.val_loss) for metric in metrics]),
    ):
        points = tuple(_point(metric, value) for metric, value in values if value is not None)
        yield Curve(run=run.name, measure=measure, points=points)
    if run.grades_path.exists():
        yield from _grades(run, metrics)
    yield from _new(run, metrics)


def _grades(run: Run, metrics: Sequence[Metric]) -> Iterator[Curve]:
    from slm.judging.grades import GradeStore
    from slm.judging.grading import stored
    from slm.judging.scores import summary

    at = {metric.step: metric for metric in metrics}
    store = GradeStore(run.grades_path)
    points: dict[str, list[Point]] = {}
    for step in run.steps:
        if step not in at:
            continue
        address = str(Address(run.name, step))
        for judge in dict.fromkeys(row.judge for row in store.rows(address)):
            means = summary(stored(store, address, judge)).means
            for name, mean in means.items():
                points.setdefault(f"{name} (graded by {judge})", []).append(
                    _point(at[step], mean.mean)
                )
    for measure, found in points.items():
        yield Curve(run=run.name, measure=measure, points=tuple(found))


def _new(run: Run, metrics: Sequence[Metric]) -> Iterator[Curve]:
    """How new a run's endings are, of the study with the most of its checkpoints at a temperature."""
    from slm.judging.studies import read_novelty

    at = {metric.step: metric for metric in metrics}
    best: dict[float, tuple[Curve, Curve]] = {}
    for path in sorted(run.memorization_path.glob("novelty-*.json")):
        if (kept := read_novelty(path)) is None:
            continue
        people = _mean(kept.people.get(NEW_WORDS, []))
        points: dict[float, dict[int, Point]] = {}
        for one in kept.points:
            address = Address.parse(one.address)
            step = run.steps[-1] if address.step is None else address.step
            value = _mean(one.new.get(NEW_WORDS, []))
            if address.run == run.name and step in at and value is not None:
                points.setdefault(one.temperature, {})[step] = _point(at[step], value)
        for temperature, found in points.items():
            measure = f"{NEW}, temperature {temperature:g}"
            line = tuple(found[step] for step in sorted(found))
            theirs = () if people is None else tuple(replace(p, value=people) for p in line)
            if temperature not in best or len(line) > len(best[temperature][0].points):
                best[temperature] = (
                    Curve(run=run.name, measure=measure, points=line),
                    Curve(run=PEOPLE + run.name, measure=measure, points=theirs),
                )
    for both in best.values():
        yield from both


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _point(metric: Metric, value: float) -> Point:
    return Point(step=metric.step, tokens=metric.tokens, seconds=metric.seconds, value=value)
