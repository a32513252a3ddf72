"""Scores of stories without a judge, as work that all sessions share."""

from app.cache.checkpoints import checkpoint, of_checkpoint
from app.cache.shared_work import shared_work
from slm.progress import Steps
from slm.runs import Checkpoint
from slm.scores.kept import measured_checks, measured_scores
from slm.scores.score import StoryScores, stories_of
from slm.scores.spoiling import ScoreChecks
from slm.scores.texts import CompletedStory


@shared_work(models=1, max_entries=64)
def scores(address: str) -> Steps[StoryScores]:
    """Read a checkpoint's kept scores, or measure them."""
    return measured_scores(checkpoint(address))


@shared_work(models=0, max_entries=2)
def score_checks() -> Steps[ScoreChecks]:
    """Read the scores of the shipped stories, whole and spoiled, or measure them."""
    return measured_checks()


@of_checkpoint(max_entries=16, waiting="Writing the stories …")
def scored_stories(checkpoint: Checkpoint) -> list[CompletedStory]:
    """Write the stories that were scored: the same seed writes them again."""
    return stories_of(checkpoint)
