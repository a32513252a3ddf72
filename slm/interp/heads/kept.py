"""A head atlas kept with its run, a small file a checkpoint; it counts for nothing once its inputs change.

Numbers are kept to four digits, as integers of `UNIT`.
"""

import contextlib
import json
import zipfile
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int32

from slm.files import replacing
from slm.interp.heads.atlas import HeadAtlas, head_atlas
from slm.interp.heads.rows import STORIES
from slm.interp.heads.scores import HeadScores, head_scores
from slm.progress import Steps
from slm.provenance import Provenance
from slm.runs import Checkpoint, Run, resolve
from slm.stats.interval import Intervals
from slm.stories.annotation.labelled import NURSERY
from slm.stories.nursery import GRAMMAR_VERSION

VERSION = 1
"""Raised whenever the same weights would be given another atlas."""
UNIT = 1e-4
NOT_MEASURED = np.iinfo(np.int32).min
"""What stands for NaN."""


def atlas_path(run: Run, step: int) -> Path:
    """Return the path of the atlas of `step`."""
    return run.measured_path("head-atlas", step).with_suffix(".npz")


def provenance(run: Run, step: int) -> Provenance:
    """Return what a nursery atlas depends on: weights, tokenizer, stories, and its version."""
    settings = {
        "head atlas": VERSION,
        "tokenizer": run.tokenizer_hash,
        "corpus": f"nursery {GRAMMAR_VERSION}",
        "stories": STORIES,
    }
    return Provenance.of([(run, step)], settings)


def measured_atlas(
    checkpoint: Checkpoint, *, corpus: str = NURSERY, stories: int = STORIES
) -> Steps[HeadAtlas]:
    """Read the atlas that is kept of a checkpoint, or measure it with `head_atlas`.

    One of the usual stories is kept, unless its run's folder cannot be written. Raises `BadInput` as
    `make_rows` does.
    """
    if (corpus, stories) != (NURSERY, STORIES):
        return (yield from head_atlas(checkpoint, corpus=corpus, stories=stories))
    if (kept := kept_atlas(checkpoint)) is not None:
        return kept
    run, step = resolve(checkpoint.address)
    before = provenance(run, step)
    atlas = yield from head_atlas(checkpoint)
    if provenance(run, step) == before:  # nobody trained it anew meanwhile
        with contextlib.suppress(OSError):  # it is shown all the same
            keep(run, step, before, atlas)
    return atlas


def measured_scores(checkpoint: Checkpoint, corpus: str, stories: int) -> HeadScores:
    """Take the scores of the atlas that is kept of a checkpoint, or measure them with `head_scores`."""
    if (corpus, stories) == (NURSERY, STORIES) and (kept := kept_atlas(checkpoint)) is not None:
        return kept.scores
    return head_scores(checkpoint, corpus=corpus, stories=stories)


def kept_atlas(checkpoint: Checkpoint) -> HeadAtlas | None:
    """Read the atlas of nursery stories that is kept of a checkpoint; None where none is that holds.

    A file that cannot be read counts as none.
    """
    run, step = resolve(checkpoint.address)
    path = atlas_path(run, step)
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            made = Provenance.from_file(json.loads(str(file["about"])), str(path))
            if made is None or not made.holds(provenance(run, step)):
                return None
            parts = [
                Intervals(mean=mean, low=low, high=high)
                for mean, low, high in np.moveaxis(_numbers(file["intervals"]), 2, -1)
            ]
            score, baseline, difference, on_target, off_target, effect = parts
            scores = HeadScores(
                address=checkpoint.address,
                corpus=NURSERY,
                kinds=tuple(file["kinds"].tolist()),
                score=score,
                baseline=baseline,
                difference=difference,
                distance=file["distance"].astype(np.int64),
                profile=_numbers(file["profile"]),
                rows=tuple(file["rows"].tolist()),
            )
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):  # `BadInput` is one
        return None
    return HeadAtlas(
        scores=scores,
        ablation_on_target=on_target,
        ablation_off_target=off_target,
        effect=effect,
    )


def keep(run: Run, step: int, made: Provenance, atlas: HeadAtlas) -> None:
    """Write an atlas, whole, with its provenance."""
    scores = atlas.scores
    parts = (
        *(scores.score, scores.baseline, scores.difference),
        *(atlas.ablation_on_target, atlas.ablation_off_target, atlas.effect),
    )
    every = np.stack([np.stack([one.mean, one.low, one.high]) for one in parts])
    path = atlas_path(run, step)
    with replacing(path) as beside, beside.open("wb") as file:
        np.savez_compressed(
            file,
            about=np.array(json.dumps({"provenance": made.to_json()})),
            kinds=np.array(scores.kinds),
            rows=np.array(scores.rows),
            distance=scores.distance.astype(np.int16),
            profile=_integers(scores.profile),
            intervals=_integers(np.moveaxis(every, -1, 2)),  # [part statistic kind layer head]
        )


def _integers(numbers: Float[np.ndarray, "*unit"]) -> Int32[np.ndarray, "*unit"]:
    found = np.where(np.isnan(numbers), NOT_MEASURED, np.rint(np.nan_to_num(numbers) / UNIT))
    return found.astype(np.int32)


def _numbers(integers: Int32[np.ndarray, "*unit"]) -> Float[np.ndarray, "*unit"]:
    return np.where(integers == NOT_MEASURED, np.nan, integers * UNIT)
