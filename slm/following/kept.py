"""Studies of following kept with their run, a file a checkpoint, with what went into them.

Where any of that has changed since, the file counts for nothing, and the study is made again.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from slm.errors import BadInput
from slm.following.detectors import DETECTORS_VERSION
from slm.following.study import Following, FollowingSettings, follow
from slm.progress import Progress, Steps
from slm.provenance import Provenance, read_kept, write_kept
from slm.reading import read_json
from slm.runs import Address, Run, load_checkpoint, resolve

VERSION = 1
"""Raised whenever the same weights would be given another score."""
WHAT = "following"


@dataclass(frozen=True, kw_only=True)
class _Kept:
    following: Following


def make_following(
    addresses: Sequence[str], settings: FollowingSettings | None = None
) -> Steps[dict[str, Following]]:
    """Study each checkpoint that was not studied with these settings, and keep it as soon as it is known.

    The latest settings' study of a checkpoint is the one that stays. Raises `BadInput` as `follow`.
    """
    chosen = settings or FollowingSettings()
    found: dict[str, Following] = {}
    for done, address in enumerate(addresses):
        run, step = resolve(address)
        kept = kept_following(run, step, chosen)
        if kept is None:
            before = provenance(run, step, chosen)
            steps = follow(load_checkpoint(address), chosen)
            while True:
                try:
                    now = next(steps)
                except StopIteration as finished:
                    kept = finished.value
                    break
                share = (done + (now.share or 0.0)) / len(addresses)
                yield Progress(doing=f"{Address(run.name, step)}: {now.doing}", share=share)
            assert kept is not None
            if provenance(run, step, chosen) == before:  # nobody trained it anew meanwhile
                write_kept(run.measured_path(WHAT, step), before, {"following": asdict(kept)})
        found[str(Address(run.name, step))] = kept
    return found


def kept_following(
    run: Run, step: int, settings: FollowingSettings | None = None
) -> Following | None:
    """Read the study of a checkpoint; None where there is none with these settings that still holds.

    A file that cannot be read counts as none.
    """
    chosen = settings or FollowingSettings()
    path = run.measured_path(WHAT, step)
    kept = read_kept(path, _Kept, lambda: provenance(run, step, chosen))
    return None if kept is None else kept.following


def kept_over_training(run: Run) -> dict[int, Following]:
    """Return the studies with the usual settings by step, also of checkpoints that are there no more.

    What was measured of weights that were removed since is what was measured; of weights that are
    there it must be those.
    """
    found: dict[int, Following] = {}
    for metric in run.metrics():
        step = metric.step
        there = run.checkpoint_path(step).exists()
        kept = kept_following(run, step) if there else _of_removed(run, step)
        if kept is not None:
            found[step] = kept
    return found


def _of_removed(run: Run, step: int) -> Following | None:
    """Read a study of weights that were removed; None where its settings are not the usual ones."""
    path = run.measured_path(WHAT, step)
    try:
        made = Provenance.from_file(read_json(path, dict[str, Any]), str(path))
        usual = _settings(run, FollowingSettings())
        return read_json(path, _Kept).following if made and made.settings == usual else None
    except (FileNotFoundError, BadInput):
        return None


def missing(run: Run) -> list[int]:
    """List the steps with a checkpoint that has no study with the usual settings."""
    return [step for step in run.steps if kept_following(run, step) is None]


def provenance(run: Run, step: int, settings: FollowingSettings) -> Provenance:
    """Return what a study depends on: weights, tokenizer, requests, detectors and settings."""
    return Provenance.of([(run, step)], _settings(run, settings))


def _settings(run: Run, settings: FollowingSettings) -> dict[str, Any]:
    return {
        "version": VERSION,
        "tokenizer": run.tokenizer_hash,
        "detectors": DETECTORS_VERSION,
        **asdict(settings),
    }
