"""Scores kept with their run, a small file a checkpoint; they count for nothing once inputs change."""

import contextlib
from dataclasses import asdict, dataclass
from hashlib import blake2b

from slm.errors import BadInput
from slm.progress import Steps
from slm.provenance import Provenance, read_kept, write_kept
from slm.runs import Address, Checkpoint, Run, list_runs, load_checkpoint, resolve
from slm.scores.score import StoryScores, score
from slm.scores.spoiling import ScoreChecks, score_checks
from slm.scores.texts import shipped_stories
from slm.stories.shipped import openings, stories

VERSION = 1
"""Raised whenever the same weights would be given other scores."""
SCORES, CHECKS = "scores", "score-checks"
REFERENCE = "storyteller"
"""The bundled run that reads stories for consistency where no other is named."""


@dataclass(frozen=True, kw_only=True)
class _Kept:
    scores: StoryScores


@dataclass(frozen=True, kw_only=True)
class _KeptChecks:
    checks: ScoreChecks


def default_reference() -> str:
    """Return the address of the bundled reference, or of the largest model where it is gone."""
    runs = [run for run in list_runs() if run.last_step is not None]
    if not runs:
        raise BadInput("there is no model that could read the stories")
    best = max(runs, key=lambda run: (run.name == REFERENCE, run.info.parameters, run.name))
    return str(Address(best.name, best.last_step))


def provenance(run: Run, step: int, reference: str) -> Provenance:
    """Return what scores depend on: both models' weights, the openings, and the measures' version."""
    given = blake2b("\n".join(openings()).encode(), digest_size=8).hexdigest()
    settings = {"scores": VERSION, "tokenizer": run.tokenizer_hash, "openings": given}
    return Provenance.of([(run, step), resolve(reference)], settings)


def kept_scores(address: str | Address, reference: str | None = None) -> StoryScores | None:
    """Read a checkpoint's kept scores; None where there are none or their provenance no longer holds.

    A file that cannot be read counts as none. Raises `BadInput` where there is no such checkpoint.
    """
    run, step = resolve(address)
    kept = read_kept(
        run.measured_path(SCORES, step),
        _Kept,
        lambda: provenance(run, step, reference or default_reference()),
    )
    return None if kept is None else kept.scores


def measured_scores(checkpoint: Checkpoint, reference: str | None = None) -> Steps[StoryScores]:
    """Read the scores that are kept of a checkpoint, or measure and keep them."""
    address = str(checkpoint.address)
    reference = reference or default_reference()
    if (kept := kept_scores(address, reference)) is not None:
        return kept
    run, step = resolve(address)
    before = provenance(run, step, reference)
    found = yield from score(checkpoint, load_checkpoint(reference))
    if provenance(run, step, reference) == before:  # nobody trained it anew meanwhile
        with contextlib.suppress(OSError):  # they are shown all the same
            write_kept(run.measured_path(SCORES, step), before, {"scores": asdict(found)})
    return found


def checks_provenance(run: Run, step: int) -> Provenance:
    """Return what the checks of a reference depend on: its weights, the stories, the version."""
    told = blake2b("\n".join(one.text for one in stories()).encode(), digest_size=8).hexdigest()
    settings = {"scores": VERSION, "tokenizer": run.tokenizer_hash, "stories": told}
    return Provenance.of([(run, step)], settings)


def kept_checks(reference: str | None = None) -> ScoreChecks | None:
    """Read the kept scores of the shipped stories, whole and spoiled; None as `kept_scores`."""
    run, step = resolve(reference or default_reference())
    path = run.measured_path(CHECKS, step)
    kept = read_kept(path, _KeptChecks, lambda: checks_provenance(run, step))
    return None if kept is None else kept.checks


def measured_checks(reference: str | None = None) -> Steps[ScoreChecks]:
    """Read the kept checks of a reference, or measure and keep them."""
    reference = reference or default_reference()
    if (kept := kept_checks(reference)) is not None:
        return kept
    run, step = resolve(reference)
    before = checks_provenance(run, step)
    found = yield from score_checks(shipped_stories(), load_checkpoint(reference))
    if checks_provenance(run, step) == before:
        with contextlib.suppress(OSError):  # they are shown all the same
            write_kept(run.measured_path(CHECKS, step), before, {"checks": asdict(found)})
    return found
