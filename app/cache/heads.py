"""Cached head scores, and atlases as work that all sessions share."""

from app.cache.checkpoints import checkpoint, of_checkpoint
from app.cache.shared_work import shared_work
from slm.interp.heads import examples as heads_examples
from slm.interp.heads import kept
from slm.interp.heads import query_keys as heads_query_keys
from slm.interp.heads.atlas import HeadAtlas
from slm.interp.heads.examples import HeadExample
from slm.interp.heads.query_keys import QueryKeys, StoryQueryKeys
from slm.interp.heads.rows import STORIES
from slm.interp.heads.scores import HeadScores
from slm.progress import Steps
from slm.runs import Checkpoint
from slm.stories.annotation.labelled import NURSERY


@of_checkpoint(max_entries=32, waiting="Reading stories …")
def head_scores(checkpoint: Checkpoint, corpus: str, stories: int) -> HeadScores:
    """Score every head on its possible labels, kept or measured; none is ablated."""
    return kept.measured_scores(checkpoint, corpus, stories)


@of_checkpoint(max_entries=64, waiting="Reading stories …")
def head_examples(
    checkpoint: Checkpoint, layer: int, head: int, kind: str, back: int = 0
) -> list[HeadExample]:
    """Find a head's strongest attention to a target of `kind`."""
    return heads_examples.head_examples(checkpoint, layer, head, kind, back)


@of_checkpoint(max_entries=16, waiting="Reading the text …")
def query_keys(checkpoint: Checkpoint) -> QueryKeys:
    """Compute heads by distance and attention between words, in the text of the paper's figures."""
    return heads_query_keys.query_keys(
        checkpoint, kept.measured_scores(checkpoint, NURSERY, STORIES)
    )


@shared_work(models=1, max_entries=16)
def query_keys_in_stories(
    address: str, heads: tuple[tuple[int, int], ...]
) -> Steps[StoryQueryKeys]:
    """Compute the attention between words over nursery stories."""
    return heads_query_keys.query_keys_in_stories(checkpoint(address), heads)


@shared_work(models=1, max_entries=32, begin=False)
def head_atlas(address: str, corpus: str, stories: int) -> Steps[HeadAtlas]:
    """Score and ablate every head, or read the kept atlas; not begun yet."""
    return kept.measured_atlas(checkpoint(address), corpus=corpus, stories=stories)
