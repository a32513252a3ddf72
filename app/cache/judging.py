"""What judges are given to read."""

from typing import TYPE_CHECKING

from app.cache.checkpoints import of_checkpoint
from slm.runs import Checkpoint

if TYPE_CHECKING:
    from slm.judging.grades import Item


@of_checkpoint(max_entries=32, waiting="Writing the stories …")
def to_grade(checkpoint: Checkpoint, openings: tuple[str, ...], samples: int) -> "list[Item]":
    """Stories for a judge to read: the same for the same checkpoint and openings."""
    from slm.judging.grading import items  # imports openai, which only the grading page needs

    return items(checkpoint, openings, samples)
