"""Whether models write more of a true ending where they were trained on it than where they were not."""

from collections.abc import Iterable
from dataclasses import dataclass

from slm.errors import BadInput
from slm.findings.finding import Finding, FindingVerdict, unmeasured
from slm.memorization.kept import kept_studies
from slm.memorization.study import MATTERS
from slm.overview.kept import kept_overview
from slm.runs import Run
from slm.stats.interval import Interval

EPOCHS = 10
"""A run that read its stories more often is no test of the paper's claim, but of the measure."""


@dataclass(frozen=True, kw_only=True)
class Recalled:
    """How much more of a true ending a run writes where it was trained on the story (Rouge-2 precision)."""

    run: str
    more: Interval
    epochs: float


def recalled(runs: Iterable[Run]) -> list[Recalled]:
    """Read how much each run's last checkpoint copies, from its overview or a study that is kept."""
    found = []
    for run in runs:
        if not run.steps:
            continue
        try:
            overview = kept_overview(run.name)
        except BadInput:
            continue
        more = overview.copying.more if overview and overview.copying else None
        for made, _, study in kept_studies(run):
            if made.step_of(run, next(iter(made.weights), "")) == run.last_step:
                studied = study.more_than_unseen()
                more = studied if more is None or studied.n > more.n else more
        read, size = _read(run)
        if more is not None and more.bounds is not None:
            found.append(Recalled(run=run.name, more=more, epochs=read / max(size, 1)))
    return found


def _read(run: Run) -> tuple[int, int]:
    tokens = [metric.tokens for metric in run.metrics()]
    return (tokens[-1] if tokens else 0), int((run.info.corpus or {}).get("tokens", 0))


def copies_no_more(there: list[Recalled]) -> Finding:
    """Test that models write no more of the true ending where trained than where unseen.

    An equivalence test: it holds where the whole interval lies below what would matter.
    """
    claim = "Models write no more of a true ending where they were trained on it"
    against = (
        f"the interval of trained minus unseen lies above 0; it holds only where the whole interval lies "
        f"below {MATTERS:g}, what would matter"
    )
    tests = [one for one in there if one.epochs <= EPOCHS]
    if not tests:
        return unmeasured(
            claim, against, "it takes a study of copying: slm memorization RUN --corpus CORPUS"
        )
    copied = [one for one in tests if one.more.low > 0]
    shown = max(tests, key=lambda one: one.more.high) if not copied else copied[0]
    verdict: FindingVerdict = "can't be told"
    if copied:
        verdict = "does not hold"
    elif shown.more.high < MATTERS:
        verdict = "holds"
    control = [one for one in there if one.epochs > EPOCHS]
    beside = "".join(
        f"; the measure sees copying where there is some: {one.run}, which read its stories "
        f"{one.epochs:.0f} times, {one.more.to_text('+.3f')}"
        for one in control
    )
    return Finding(
        claim=claim,
        against=against,
        verdict=verdict,
        why=f"of {', '.join(one.run for one in tests)}, the one that copies most is {shown.run}, which "
        f"read its stories {shown.epochs:.1f} times{beside}",
        number=shown.more,
        unit="more of the true ending's word pairs",
        source="kept overviews and studies of copying",
    )
