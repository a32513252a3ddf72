"""Development: the step at which each head's label appears, and which words are learned first."""

from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from slm.interp.heads.scores import HeadScores, head_scores
from slm.model.loss import story_nats
from slm.progress import Progress
from slm.runs import Address, Checkpoint, Run, load_checkpoint
from slm.stories.annotation.nursery import annotated
from slm.stories.nursery import Role

STORIES = 24
"""Nursery stories that heads are scored on at each step: fewer than the atlas reads, to be quick."""
TOLD = 40
"""Nursery stories whose words are scored at each step."""

WordGroup = Literal["frame", "first mentions", "later mentions", "what happens"]
WORD_GROUPS: dict[WordGroup, tuple[Role, ...]] = {
    "frame": (Role.FUNCTION,),
    "first mentions": (Role.HERO_FIRST, Role.OTHER_FIRST),
    "later mentions": (Role.HERO, Role.OTHER, Role.OBJECT),
    "what happens": (Role.ACTION, Role.STATE, Role.NOUN, Role.ADJECTIVE),
}
"""Words by what it takes to expect them: grammar; a guess; the story so far; the world."""
HALF = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class DevelopmentStage:
    """A checkpoint in its development: its heads' scores, and nats per word of each part."""

    step: int
    heads: HeadScores
    words: dict[WordGroup, float]


def stage(checkpoint: Checkpoint) -> DevelopmentStage:
    """Score the heads and words of one checkpoint. About two seconds for a bundled run."""
    assert checkpoint.address.step is not None
    return DevelopmentStage(
        step=checkpoint.address.step,
        heads=head_scores(checkpoint, stories=STORIES),
        words=word_losses(checkpoint),
    )


def development(run: Run) -> Generator[Progress, None, tuple[DevelopmentStage, ...]]:
    """Measure every checkpoint of a run as a stage, in the order of training."""
    found: list[DevelopmentStage] = []
    for done, step in enumerate(run.steps):
        yield Progress(doing=f"reading with step {step:,}", share=done / len(run.steps))
        found.append(stage(load_checkpoint(Address(run.name, step))))
    return tuple(found)


def word_losses(
    checkpoint: Checkpoint, stories: int = TOLD, seed: int = 0
) -> dict[WordGroup, float]:
    """Compute the loss in nats per word of nursery stories, by part; a word sums its tokens."""
    read = list(annotated(checkpoint.tokenizer, stories, seed=seed, first=1_000_000_000))
    nats = story_nats(checkpoint.weights, checkpoint.tokenizer, [story.tokens for story in read])
    found: dict[WordGroup, float] = {}
    for part, roles in WORD_GROUPS.items():
        cost, words = 0.0, 0
        for story, costs in zip(read, nats, strict=True):
            mine = np.array([role in roles for role in story.roles[1:]])
            cost += float(costs[:-1][mine].sum())
            words += int((np.array(story.begins[1:]) & mine).sum())
        found[part] = cost / max(words, 1)
    return found


@dataclass(frozen=True, kw_only=True)
class Appearance:
    """A head's label: the step it stays from, and whether it is there at the last step."""

    kind: str
    layer: int
    head: int
    step: int
    stays: bool
    score: float


def appearances(stages: Sequence[DevelopmentStage]) -> list[Appearance]:
    """Find the step from which each head has each label, the earliest first.

    A label counts from the first step at which the score is significantly above its baseline there
    and at every later step. One that is gone at the last step is reported with the step at which it
    first appeared.
    """
    significant = np.stack([one.heads.is_significant() for one in stages])
    found = []
    for layer, head, index in np.argwhere(significant.any(0)).tolist():
        there = significant[:, layer, head, index]
        stays = bool(there[-1])
        if stays:
            gone = np.flatnonzero(~there)
            at = int(gone[-1]) + 1 if len(gone) else 0
        else:
            at = int(there.argmax())
        found.append(
            Appearance(
                kind=stages[-1].heads.kinds[index],
                layer=layer,
                head=head,
                step=stages[at].step,
                stays=stays,
                score=float(stages[-1].heads.score.mean[layer, head, index]),
            )
        )
    return sorted(found, key=lambda one: (one.step, not one.stays, one.kind, one.layer, one.head))


def halfway(stages: Sequence[DevelopmentStage]) -> dict[WordGroup, int | None]:
    """Return, for each part, the first step with half of the loss reduction of the last step.

    None where the last step has no lower loss than the first.
    """
    found: dict[WordGroup, int | None] = {}
    for part in WORD_GROUPS:
        costs = np.array([one.words[part] for one in stages])
        whole = costs[0] - costs[-1]
        there = np.flatnonzero(costs[0] - costs >= HALF * whole)
        found[part] = stages[int(there[0])].step if whole > 0 else None
    return found


def development_json(run: str, stages: Sequence[DevelopmentStage]) -> dict[str, Any]:
    """Return what each part of the text costs at each step, and when heads got their labels."""
    return {
        "run": run,
        "steps": [stage.step for stage in stages],
        "nats per word": {str(stage.step): stage.words for stage in stages},
        "half learned by step": halfway(stages),
        "labels": [asdict(label) for label in appearances(stages)],
    }
