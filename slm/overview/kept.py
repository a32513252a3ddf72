"""An overview kept with its run: a file a checkpoint, which counts for nothing once its inputs change."""

from dataclasses import asdict, dataclass
from functools import cache
from hashlib import blake2b
from typing import Any

from slm.comparing.measured import MEASURED_KINDS
from slm.comparing.measured import provenance as measured_provenance
from slm.interp.heads.atlas import LEAST_ABLATION_EFFECT
from slm.overview.records import Overview
from slm.provenance import Provenance, read_kept, write_kept
from slm.runs import Address, Run, resolve
from slm.stories import shipped

VERSION = 2
"""Raised whenever the same weights would be given another overview."""
OVERVIEW = "overview"
MOST_STEPS = 12
"""Checkpoints of a run among which it is looked for when something was learnt."""


@dataclass(frozen=True, kw_only=True)
class _Kept:
    overview: Overview


def steps_read(run: Run, step: int) -> list[int]:
    """Choose the checkpoints that an overview of `step` reads: that one and evenly spaced earlier ones."""
    steps = [one for one in run.steps if one <= step]
    if len(steps) <= MOST_STEPS:
        return steps
    chosen = {round(at * (len(steps) - 1) / (MOST_STEPS - 1)) for at in range(MOST_STEPS)}
    return [steps[at] for at in sorted(chosen)]


def provenance(run: Run, step: int) -> Provenance:
    """Return what an overview depends on: weights, tokenizer, stories, prompts, and its version."""
    settings: dict[str, Any] = {
        "overview": VERSION,
        "min effect": LEAST_ABLATION_EFFECT,
        "shipped": _shipped(),
    }
    for what in MEASURED_KINDS:
        settings[what] = measured_provenance(run, step, what).settings
    return Provenance.of([(run, one) for one in steps_read(run, step)], settings)


def kept_overview(address: str | Address) -> Overview | None:
    """Read a checkpoint's kept overview; None where there is none or its provenance no longer holds.

    A file that cannot be read counts as none. Raises `BadInput` where there is no such checkpoint.
    """
    run, step = resolve(address)
    kept = read_kept(run.measured_path(OVERVIEW, step), _Kept, lambda: provenance(run, step))
    return None if kept is None else kept.overview


def keep(run: Run, step: int, made: Provenance, overview: Overview) -> None:
    """Write an overview, whole, with its provenance."""
    write_kept(run.measured_path(OVERVIEW, step), made, {"overview": asdict(overview)})


@cache
def _shipped() -> str:
    whole = "\n".join((*(story.text for story in shipped.stories()), *shipped.openings()))
    return blake2b(whole.encode(), digest_size=8).hexdigest()
