"""An overview kept with its run: a file a checkpoint, which counts for nothing once its inputs change."""

import json
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import blake2b
from typing import Any

from slm.comparing.measured import made_from as measured_from
from slm.errors import BadInput
from slm.files import write_text
from slm.overview.records import Overview
from slm.reading import read_json
from slm.runs import Address, Run, resolve
from slm.stories import shipped

VERSION = 1
"""Raised whenever the same weights would be given another overview."""
OVERVIEW = "overview"
MOST_STEPS = 12
"""Checkpoints of a run that what was learnt when is looked for in."""


@dataclass(frozen=True, kw_only=True)
class _Kept:
    made: dict[str, Any]
    overview: Overview


def steps_read(run: Run, step: int) -> list[int]:
    """The checkpoints that an overview of `step` looks at: that one and, evenly chosen, those before."""
    steps = [one for one in run.steps if one <= step]
    if len(steps) <= MOST_STEPS:
        return steps
    chosen = {round(at * (len(steps) - 1) / (MOST_STEPS - 1)) for at in range(MOST_STEPS)}
    return [steps[at] for at in sorted(chosen)]


def made_from(run: Run, step: int) -> dict[str, Any]:
    """Everything that decides an overview: weights, tokenizer, stories, prompts, and its version."""
    return {
        "overview": VERSION,
        "heads": measured_from(run, step, "heads"),
        "knowledge": measured_from(run, step, "knowledge"),
        "shipped stories": _shipped(),
        "weights": {str(one): run.weights_hash(one) for one in steps_read(run, step)},
    }


def kept_overview(address: str | Address) -> Overview | None:
    """The overview that is kept of a checkpoint; None where there is none, or of something else."""
    run, step = resolve(address)
    try:
        found = read_json(run.measured_path(OVERVIEW, step), _Kept)
    except (FileNotFoundError, BadInput):
        return None
    return found.overview if found.made == made_from(run, step) else None


def keep(run: Run, step: int, made: dict[str, Any], overview: Overview) -> None:
    """Write an overview, whole, with what it was `made_from`."""
    data = {"made": made, "overview": asdict(overview)}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    write_text(run.measured_path(OVERVIEW, step), text + "\n")


@cache
def _shipped() -> str:
    whole = "\n".join((*(story.text for story in shipped.stories()), *shipped.openings()))
    return blake2b(whole.encode(), digest_size=8).hexdigest()
