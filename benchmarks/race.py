"""Races: contenders do the same work in turn, round after round, and are compared within each round.

Absolute times mean little on a shared machine; what one contender takes against another, a moment
apart, means more. So a ratio is taken in every round, and the table shows the median and the range.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Contender:
    """Somebody who can do the work. `run` may return how much it did, where that is not given."""

    name: str
    run: Callable[[], float | None]


@dataclass(frozen=True)
class Row:
    """What one contender needed against the first, by round."""

    name: str
    rates: tuple[float, ...]
    ratios: tuple[float, ...]


def race(
    contenders: Sequence[Contender], *, work: float = 1.0, rounds: int = 5, warm_up: bool = True
) -> list[Row]:
    """Let everybody warm up once, then run in turn `rounds` times, starting with another each time.

    The first contender is ours. A ratio above 1 says that the other took that many times as long.
    """
    rates: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for contender in contenders if warm_up else ():
        contender.run()
    for number in range(rounds):
        for place in range(len(contenders)):
            contender = contenders[(number + place) % len(contenders)]
            began = time.perf_counter()
            done = contender.run()
            rates[contender.name].append((done or work) / (time.perf_counter() - began))
    ours = rates[contenders[0].name]
    return [
        Row(name, tuple(theirs), tuple(o / t for o, t in zip(ours, theirs, strict=True)))
        for name, theirs in rates.items()
    ]


def table(title: str, unit: str, rows: Sequence[Row]) -> str:
    """A Markdown table of a race."""
    lines = [
        f"### {title}",
        "",
        f"| who | {unit} | ours is faster by | range |",
        "|---|---|---|---|",
    ]
    for number, row in enumerate(rows):
        rate = f"{statistics.median(row.rates):,.4g}"
        if number == 0:
            lines.append(f"| **{row.name}** | {rate} | | |")
        else:
            low, high = min(row.ratios), max(row.ratios)
            ratio = statistics.median(row.ratios)
            lines.append(f"| {row.name} | {rate} | {ratio:.2f}x | {low:.2f}-{high:.2f} |")
    return "\n".join(lines) + "\n"
