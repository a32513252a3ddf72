"""The order of learning: grammar before context."""

from collections.abc import Generator
from functools import lru_cache
from statistics import fmean

from slm.comparing.development import WordGroup, word_losses
from slm.errors import BadInput
from slm.lessons.measures.measured import Measured
from slm.progress import Progress, result_of
from slm.runs import Address, Checkpoint, Run, load_checkpoint, open_run

GRAMMAR: WordGroup = "frame"
CONTEXT: WordGroup = "later mentions"
STORIES = 12
FEWEST = 3  # checkpoints
AHEAD = 0.05


def word_costs(run: Run, step: int, seed: int) -> dict[WordGroup, float]:
    """Return the loss in nats per word of each part of nursery stories, cached."""
    return _word_costs(run.name, step, run.weights_hash(step), seed)


@lru_cache(maxsize=512)
def _word_costs(name: str, step: int, weights: str, seed: int) -> dict[WordGroup, float]:
    return word_losses(load_checkpoint(Address(name, step)), STORIES, seed=seed)


def costs(
    checkpoint: Checkpoint, seed: int
) -> Generator[Progress, None, dict[int, dict[WordGroup, float]]]:
    """Compute the loss in nats per word of each part at every checkpoint up to the shown one.

    Raises `BadInput` where there are fewer than three.
    """
    run, last = open_run(checkpoint.address.run), checkpoint.address.step or 0
    steps = [step for step in run.steps if step <= last]
    if len(steps) < FEWEST:
        raise BadInput(
            f"it takes {FEWEST} checkpoints up to the one that is shown, and {run.name} has "
            f"{len(steps)} up to step {last:,}"
        )
    found = {}
    for number, step in enumerate(steps):
        yield Progress(doing=f"reading with step {step:,}", share=number / len(steps))
        found[step] = word_costs(run, step, seed)
    return found


def learned(checkpoint: Checkpoint, seed: int) -> dict[WordGroup, list[float]]:
    """Compute, by part, the share of the shown step's loss reduction that each earlier step reached.

    Shares are 0 for a part whose loss did not fall.
    """
    by_step = list(result_of(costs(checkpoint, seed)).values())
    found: dict[WordGroup, list[float]] = {}
    for part in (GRAMMAR, CONTEXT):
        whole = by_step[0][part] - by_step[-1][part]
        found[part] = [
            (by_step[0][part] - one[part]) / whole if whole > 0 else 0.0 for one in by_step
        ]
    return found


def grammar_first(checkpoint: Checkpoint) -> Measured:
    """Compare how early grammar and context are learned, on two sets of stories."""
    both = [learned(checkpoint, seed) for seed in (0, 1)]
    grammar, context = ([fmean(one[part][1:-1]) for one in both] for part in (GRAMMAR, CONTEXT))
    ahead = [a - b for a, b in zip(grammar, context, strict=True)]
    return Measured(
        holds=bool(min(ahead) >= AHEAD and fmean(ahead) > abs(ahead[0] - ahead[1])),
        measured=fmean(grammar),
        control=fmean(context),
        unit="share",
        what=f"{len(both[0][GRAMMAR])} checkpoints",
    )
