"""The checkpoints of a run between which measures appeared, from what is kept of each."""

from collections.abc import Sequence
from dataclasses import dataclass

from slm.comparing.measured import BEST_HEAD, KNOWLEDGE, MeasuredValue, kept
from slm.interp.heads.scores import EFFECT
from slm.overview.records import CheckpointPair, Learnt
from slm.runs import Run

WATCHED = {
    (BEST_HEAD, "induction in stories"): "attention of the best head to induction targets",
    (BEST_HEAD, "names"): "attention of the best head to names",
    (KNOWLEDGE, "context"): "prompts answered from their context",
    (KNOWLEDGE, "fact"): "prompts about facts answered",
}
"""What is looked for, in words, by measure and what of it is meant."""


@dataclass(frozen=True, kw_only=True)
class History:
    """One measure at the steps that it was measured of."""

    what: str
    steps: tuple[int, ...]
    values: tuple[MeasuredValue, ...]

    def learnt(self) -> Learnt | None:
        """Return when the measure appeared and stayed; None if never, or from the first step on."""
        there = [is_there(one) for one in self.values]
        gone = [at for at, one in enumerate(there) if not one]
        if not there or not there[-1] or not gone:
            return None
        at = gone[-1] + 1
        return Learnt(
            what=self.what,
            before=self.values[at - 1].value,
            after=self.values[at].value,
            control=self.values[at].baseline or 0.0,
            step=self.steps[at],
        )


def is_there(one: MeasuredValue) -> bool:
    """Return whether a value's interval lies above its baseline; a head's mean by `EFFECT`, too."""
    baseline = one.baseline or 0.0
    needed = EFFECT if one.measure == BEST_HEAD else 0.0
    above = one.low is not None and one.low > baseline
    return above and one.value - baseline >= needed


def histories(run: Run, steps: Sequence[int]) -> dict[tuple[str, str], History]:
    """Collect the kept values of every watched measure; steps without a value are left out."""
    found: dict[tuple[str, str], list[tuple[int, MeasuredValue]]] = {key: [] for key in WATCHED}
    for step in steps:
        for one in (*(kept(run, step, "heads") or ()), *(kept(run, step, "knowledge") or ())):
            if (key := (one.measure, one.of)) in found:
                found[key].append((step, one))
    return {
        key: History(
            what=WATCHED[key],
            steps=tuple(step for step, _ in rows),
            values=tuple(value for _, value in rows),
        )
        for key, rows in found.items()
    }


def pair(found: Sequence[History]) -> CheckpointPair | None:
    """Return the consecutive checkpoints between which most measures appeared; None where none did.

    Of equal pairs, the earliest.
    """
    learnt = [(history, one) for history in found if (one := history.learnt())]
    if not learnt:
        return None
    steps = [one.step for _, one in learnt]
    later = min(set(steps), key=lambda step: (-steps.count(step), step))
    mine = [(history, one) for history, one in learnt if one.step == later]
    earlier = max(step for history, _ in mine for step in history.steps if step < later)
    told = "; ".join(
        f"{one.what} {one.before:.0%} → {one.after:.0%} (control {one.control:.0%})"
        for _, one in mine
    )
    return CheckpointPair(
        earlier=earlier,
        later=later,
        learnt=tuple(one for _, one in mine),
        says=f"Between step {earlier:,} and step {later:,}: {told}.",
    )
