"""Cached stories for judges."""

from typing import TYPE_CHECKING

from app.cache.checkpoints import of_checkpoint
from slm.runs import Checkpoint

if TYPE_CHECKING:
    from slm.grading.items import Item


@of_checkpoint(max_entries=256, waiting="Writing the stories …")
def to_grade(checkpoint: Checkpoint, openings: tuple[str, ...], sample: int) -> "list[Item]":
    """Write a story of each opening for a judge; the same for the same checkpoint and openings."""
    from slm.grading.items import sample_of

    return sample_of(checkpoint, openings, sample)
