"""Answers to the paired choices, kept with their run, a file a checkpoint."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slm.errors import BadInput
from slm.nursery_scores.choices import CHANCE, KINDS, SEED, VERSION, ask, askable, paired_choices
from slm.progress import Progress
from slm.provenance import Provenance, read_kept, write_kept
from slm.runs import Run, load_checkpoint, resolve
from slm.stats.bootstrap import bootstrap_mean
from slm.stats.interval import Interval
from slm.stories.nursery import GRAMMAR_VERSION

NURSERY_CHOICES = "nursery-choices"


@dataclass(frozen=True, kw_only=True)
class NurseryChoices:
    """A checkpoint's answers: of each kind the share of right choices (0, 0.5, 1) by the pair's number."""

    address: str
    right: Mapping[str, Mapping[str, float]]

    def share(self, kind: str) -> Interval:
        """Estimate the share of right choices, resampling pairs; chance is a half."""
        return bootstrap_mean(list(self.right[kind].values()))

    def to_json(self) -> dict[str, Any]:
        """Return each kind's share with its interval, chance, and the number of pairs."""
        return {
            "address": self.address,
            "chance": CHANCE,
            "measures": "the nursery's world, not English",
            "choices": {kind: self.share(kind).to_json() for kind in KINDS if self.right.get(kind)},
        }


def provenance(run: Run, step: int) -> Provenance:
    """Return what the answers depend on: weights, tokenizer, and the choices."""
    settings = {
        "version": VERSION,
        "tokenizer": run.tokenizer_hash,
        "nursery": GRAMMAR_VERSION,
        "seed": SEED,
    }
    return Provenance.of([(run, step)], settings)


def kept_choices(address: str) -> NurseryChoices | None:
    """Read the answers of a checkpoint; None where there are none, or of other weights or choices.

    A file that cannot be read counts as none.
    """
    run, step = resolve(address)
    kept = read_kept(run.measured_path(NURSERY_CHOICES, step), _Kept, lambda: provenance(run, step))
    return None if kept is None else NurseryChoices(address=f"{run.name}@{step}", right=kept.right)


def measure_choices(
    addresses: Sequence[str], *, keep: bool = True
) -> Generator[Progress, None, list[NurseryChoices]]:
    """Answer the choices with each checkpoint, reading what is kept. About ten seconds each.

    Raises `BadInput` where a context is too short for any of them.
    """
    found: list[NurseryChoices] = []
    for done, address in enumerate(addresses):
        yield Progress(doing=f"paired choices of {address}", share=done / len(addresses))
        if (kept := kept_choices(address)) is not None:
            found.append(kept)
            continue
        run, step = resolve(address)
        before = provenance(run, step)
        checkpoint = load_checkpoint(address)
        pairs = paired_choices()
        asked = set(askable(checkpoint, pairs))
        if not asked:
            raise BadInput(
                f"{address}: a context of {checkpoint.config.n_ctx} tokens is too short for any choice"
            )
        right: dict[str, dict[str, float]] = {}
        numbered = [(number, pair) for number, pair in enumerate(pairs) if pair in asked]
        values = ask(checkpoint, [pair for _, pair in numbered])
        for (number, pair), value in zip(numbered, values, strict=True):
            right.setdefault(pair.kind, {})[str(number)] = value
        found.append(NurseryChoices(address=f"{run.name}@{step}", right=right))
        if keep and provenance(run, step) == before:  # nobody trained it anew meanwhile
            write_kept(run.measured_path(NURSERY_CHOICES, step), before, {"right": right})
    return found


@dataclass(frozen=True, kw_only=True)
class _Kept:
    right: dict[str, dict[str, float]]
