"""Selectivity of the best protagonist neuron."""

from functools import lru_cache

from slm.interp.roles.protagonist import protagonist_test
from slm.interp.roles.protagonist_trial import (
    CLEAR,
    NAMED_OR_LATER,
    NAMED_OR_WORD,
    NONE_FOUND,
    PLAIN_OR_LATER,
    PLAIN_OR_WORD,
    NeuronTrial,
)
from slm.lessons.measures.measured import Measured
from slm.progress import result_of
from slm.runs import Checkpoint
from slm.stats.interval import Interval

STORIES = 60
NEARLY_ALWAYS = 0.85


@lru_cache(maxsize=4)
def best(checkpoint: Checkpoint) -> NeuronTrial:
    """Test the best protagonist neuron on stories that it was not chosen on, once for all steps."""
    return result_of(protagonist_test(checkpoint, count=STORIES)).trials[0]


def protagonist(checkpoint: Checkpoint) -> Measured:
    """Compare first mentions with other words at the same place; the control is the max-T null."""
    trial = best(checkpoint)
    one = _better(trial, NAMED_OR_WORD, PLAIN_OR_WORD)
    return _measured(trial, one, control=trial.threshold, holds=_found(trial))


def first_not_any(checkpoint: Checkpoint) -> Measured:
    """Compare first with later mentions of the protagonist; the control is a coin."""
    trial = best(checkpoint)
    one = _better(trial, NAMED_OR_LATER, PLAIN_OR_LATER)
    holds = _found(trial) and one.mean >= CLEAR and one.low > 0.5
    return _measured(trial, one, control=0.5, holds=holds)


def _found(trial: NeuronTrial) -> bool:
    """Return whether the neuron has a verdict and fires at nearly all first mentions."""
    return (
        trial.verdict != NONE_FOUND
        and _better(trial, NAMED_OR_WORD, PLAIN_OR_WORD).mean >= NEARLY_ALWAYS
    )


def _better(trial: NeuronTrial, *names: str) -> Interval:
    return max((trial.contrasts[name] for name in names), key=lambda one: one.mean)


def _measured(trial: NeuronTrial, one: Interval, *, control: float, holds: bool) -> Measured:
    return Measured(
        holds=holds,
        measured=one.mean,
        control=control,
        unit="AUC",
        what=f"neuron {trial.layer}.{trial.neuron}",
        low=one.low - control,
        high=one.high - control,
    )
