"""Knowledge and head measurements of a run's checkpoints, kept with the run.

A file a checkpoint, written whole, with what went into it. Where any of that has changed since, the
file counts for nothing: it is never read and is measured again.
"""

import json
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import blake2b
from typing import Any, Literal, get_args

import numpy as np

from slm.comparing.development import STORIES
from slm.comparing.matching import shuffled
from slm.errors import BadInput
from slm.files import write_text
from slm.generation.beam import BEAMS
from slm.interp.heads.scores import EFFECT, HeadScores, head_scores
from slm.knowledge.prompts import prompts_yaml, shipped
from slm.knowledge.scoring import ask, askable, scores
from slm.progress import Progress
from slm.provenance import Provenance
from slm.reading import read_json
from slm.runs import Address, Checkpoint, Run, load_checkpoint
from slm.stats.interval import Interval
from slm.stories.nursery import GRAMMAR_VERSION

MeasuredKind = Literal["knowledge", "heads"]
MEASURED_KINDS: tuple[MeasuredKind, ...] = get_args(MeasuredKind)
VERSION = 1
"""Raised whenever the same weights would be given another value."""
SEED = 0

KNOWLEDGE, HEADS, BEST_HEAD = "knowledge", "heads", "best head"
ANY_KIND = "any kind"
BY_PROBABILITY = ", by probability"


@dataclass(frozen=True, kw_only=True)
class MeasuredValue:
    """A score of a checkpoint with its 95 % interval and its baseline.

    `of` is the kind of prompt or head, `count` the number of prompts or stories, `which` the best
    head, as layer.head. Of a number of heads, `low` counts those whose whole interval lies above the
    required effect, `high` those whose interval reaches it.
    """

    measure: str
    of: str
    value: float
    low: float | None
    high: float | None
    baseline: float | None
    count: int
    which: str = ""


def measure(
    runs: Sequence[Run], what: MeasuredKind, *, steps: Sequence[int] | None = None
) -> Generator[Progress, None, int]:
    """Measure what is missing of these runs' checkpoints; each is kept as soon as it is known.

    Of all their checkpoints, or of those at `steps`. Returns how many were measured. What was measured
    before it is stopped stays, and the rest goes on the next time. Raises `BadInput` for a checkpoint
    that cannot be read, or whose context is too short for the heads' stories.
    """
    todo = [
        (run, step) for run in runs for step in missing(run, what) if steps is None or step in steps
    ]
    for done, (run, step) in enumerate(todo):
        address = Address(run.name, step)
        yield Progress(doing=f"measuring {what} of {address}", share=done / len(todo))
        before = provenance(run, step, what)
        checkpoint = load_checkpoint(address)
        values = knowledge(checkpoint) if what == "knowledge" else heads(checkpoint)
        if provenance(run, step, what) == before:  # nobody trained it anew meanwhile
            data = {"provenance": before.to_json(), "values": [asdict(value) for value in values]}
            write_text(run.measured_path(what, step), json.dumps(data) + "\n")
    return len(todo)


def missing(run: Run, what: MeasuredKind) -> list[int]:
    """List the steps with a checkpoint and metrics whose measurement is missing or out of date."""
    written = {metric.step for metric in run.metrics()}
    return [step for step in run.steps if step in written and kept(run, step, what) is None]


def kept(run: Run, step: int, what: MeasuredKind) -> tuple[MeasuredValue, ...] | None:
    """Read what was measured of a checkpoint; None where nothing was, or its provenance no longer holds.

    A file that cannot be read counts as nothing measured.
    """
    path = run.measured_path(what, step)
    try:
        found = read_json(path, _Kept)
        made = Provenance.from_file(read_json(path, dict[str, Any]), str(path))
    except (FileNotFoundError, BadInput):
        return None
    return found.values if made is not None and made.holds(provenance(run, step, what)) else None


@dataclass(frozen=True, kw_only=True)
class _Kept:
    values: tuple[MeasuredValue, ...]


def provenance(run: Run, step: int, what: MeasuredKind) -> Provenance:
    """Return what a measured value depends on: weights, tokenizer, prompts or stories, and method."""
    settings: dict[str, Any] = {"version": VERSION, "tokenizer": run.tokenizer_hash}
    if what == "knowledge":
        settings |= {"prompts": _prompts(), "beams": BEAMS}
    else:
        nursery = f"nursery {GRAMMAR_VERSION}"
        settings |= {"corpus": nursery, "stories": STORIES, "effect": EFFECT, "seed": SEED}
    return Provenance.of([(run, step)], settings)


@cache
def _prompts() -> str:
    return blake2b(prompts_yaml(shipped()).encode(), digest_size=8).hexdigest()


def knowledge(checkpoint: Checkpoint) -> list[MeasuredValue]:
    """Score a checkpoint on the shipped prompts that fit its context, by rule, per kind and in all.

    Continuations stand beside the answers of the kind's other prompts; the choice by probability
    stands beside uniform guessing among the listed answers.
    """
    found = []
    prompts, note = askable([checkpoint], shipped())
    if not prompts:
        raise BadInput(f"{checkpoint.address}: {note}")
    for one in scores(ask(checkpoint, prompts)):
        found.append(_known(one.kind, one.score, one.by_chance))
        if one.preferred is not None:
            found.append(_known(one.kind + BY_PROBABILITY, one.preferred, one.guessing))
    return found


def _known(of: str, score: Interval, chance: Interval | None) -> MeasuredValue:
    low, high = score.bounds or (None, None)
    return MeasuredValue(
        measure=KNOWLEDGE,
        of=of,
        value=score.mean,
        low=low,
        high=high,
        baseline=None if chance is None else chance.mean,
        count=score.n,
    )


def heads(checkpoint: Checkpoint) -> list[MeasuredValue]:
    """Count the heads with a significant label, of each kind and of any, and find each kind's best.

    The number of heads stands beside that of the same model with the entries of its weights shuffled;
    a head's score beside its own attention, moved (`slm.interp.heads.scores`). The best head is the
    one that is furthest above that. A kind with too few stories is left out.
    """
    learned = head_scores(checkpoint, stories=STORIES, seed=SEED)
    ignorant = head_scores(shuffled(checkpoint, SEED), stories=STORIES, seed=SEED)
    return numbers_of_heads(learned, ignorant) + best_heads(learned)


def numbers_of_heads(learned: HeadScores, ignorant: HeadScores) -> list[MeasuredValue]:
    """Count the heads with a significant label, by kind, beside the same model with shuffled weights."""
    gain, found = learned.difference, []
    there = [at for at in range(len(learned.kinds)) if np.isfinite(gain.mean[..., at]).all()]
    for name, kinds in ((ANY_KIND, there), *((learned.kinds[at], [at]) for at in there)):
        value, low, high, baseline = (
            float(significant[..., kinds].any(-1).sum())
            for significant in (
                learned.is_significant(),
                gain.low >= EFFECT,
                gain.high >= EFFECT,
                ignorant.is_significant(),
            )
        )
        found.append(
            MeasuredValue(
                measure=HEADS,
                of=name,
                value=value,
                low=low,
                high=high,
                baseline=baseline,
                count=max((learned.rows[at] for at in kinds), default=0),
            )
        )
    return found


def best_heads(scored: HeadScores) -> list[MeasuredValue]:
    """Return, for each kind, the head whose score is furthest above its baseline."""
    found = []
    for at, kind in enumerate(scored.kinds):
        gain = scored.difference.mean[..., at]
        if not np.isfinite(gain).all():
            continue
        layer, head = map(int, np.unravel_index(int(gain.argmax()), gain.shape))
        value, low, high, baseline = (
            round(float(part[layer, head, at]), 5)
            for part in (
                scored.score.mean,
                scored.score.low,
                scored.score.high,
                scored.baseline.mean,
            )
        )
        found.append(
            MeasuredValue(
                measure=BEST_HEAD,
                of=kind,
                value=value,
                low=low,
                high=high,
                baseline=baseline,
                count=scored.rows[at],
                which=f"{layer}.{head}",
            )
        )
    return found
