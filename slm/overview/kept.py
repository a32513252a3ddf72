"""An overview kept with its run: a file a checkpoint, which counts for nothing once its inputs change."""

import json
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import blake2b
from typing import Any

from slm.comparing.measured import MEASURED_KINDS
from slm.comparing.measured import provenance as measured_provenance
from slm.files import write_text
from slm.interp.heads.atlas import LEAST_ABLATION_EFFECT
from slm.overview.records import Overview
from slm.provenance import Provenance
from slm.reading import parse_json, read_text, typed
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
    path = run.measured_path(OVERVIEW, step)
    try:
        data = parse_json(read_text(path))
        made = Provenance.from_file(data, str(path))
        if made is None or not made.holds(provenance(run, step)):
            return None
        return typed(_Kept, data, str(path)).overview
    except (FileNotFoundError, ValueError):  # `BadInput` is one
        return None


def keep(run: Run, step: int, made: Provenance, overview: Overview) -> None:
    """Write an overview, whole, with its provenance."""
    data = {"provenance": made.to_json(), "overview": asdict(overview)}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    write_text(run.measured_path(OVERVIEW, step), text + "\n")


@cache
def _shipped() -> str:
    whole = "\n".join((*(story.text for story in shipped.stories()), *shipped.openings()))
    return blake2b(whole.encode(), digest_size=8).hexdigest()
