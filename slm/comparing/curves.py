"""What runs wrote down while they learned, and what was measured of their checkpoints, as curves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from slm.runs import Address, Metric, Run

Over = Literal["tokens", "seconds", "steps"]

BITS, LOSS = "bits per byte", "nats per token"


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
    """Bits per byte and loss on validation stories; mean grades where a judge has given some."""
    return [curve for run in runs for curve in _curves(run) if curve.points]


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


def _point(metric: Metric, value: float) -> Point:
    return Point(step=metric.step, tokens=metric.tokens, seconds=metric.seconds, value=value)
