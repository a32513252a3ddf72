"""Made measured checkpoints whose truth is known, for tests of findings."""

from collections.abc import Callable, Mapping, Sequence
from typing import get_args

import numpy as np

from slm.findings.finding import FindingVerdict
from slm.findings.subjects import MeasuredCheckpoint
from slm.stats.bootstrap import resample_counts

OPENINGS = 29
"""As many as the page's own prompts."""
NOISE = 1.0
"""Standard deviation of an opening's mean at a checkpoint, in points of ten."""


def checkpoint(
    run: str,
    values: Mapping[str, Sequence[float] | np.ndarray],
    *,
    width: int = 64,
    layers: int = 1,
    step: int = 1,
    vocabulary: str = "v",
    budget: int = 1,
) -> MeasuredCheckpoint:
    """A checkpoint with an opening's value for each number."""
    return MeasuredCheckpoint(
        run=run,
        step=step,
        tokens=step * 1000,
        width=width,
        layers=layers,
        heads=width // 16,
        vocabulary=vocabulary,
        corpus="c",
        budget=budget,
        values={
            name: {str(at): float(value) for at, value in enumerate(each)}
            for name, each in values.items()
        },
    )


def noisy(means: Mapping[str, float], draw: np.random.Generator) -> dict[str, np.ndarray]:
    """Openings around a mean: their own level, which all checkpoints share, is left out of the noise."""
    return {name: mean + NOISE * draw.standard_normal(OPENINGS) for name, mean in means.items()}


WEIGHTS = np.vstack([np.ones(OPENINGS), resample_counts(OPENINGS)]) / OPENINGS
"""All openings, then their resamples."""
TRIALS = 400


def rates(trial: Callable[[np.random.Generator], FindingVerdict]) -> dict[FindingVerdict, float]:
    """How often each verdict comes, over seeded simulations."""
    draw = np.random.default_rng(1)
    found = [trial(draw) for _ in range(TRIALS)]
    return {one: found.count(one) / TRIALS for one in get_args(FindingVerdict)}
