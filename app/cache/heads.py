"""What heads do: scores at once, labels from work that all sessions share."""

from app.cache.checkpoints import checkpoint, of_checkpoint
from app.cache.shared_work import shared_work
from slm.interp.heads import examples as heads_examples
from slm.interp.heads import kept
from slm.interp.heads.atlas import HeadAtlas
from slm.interp.heads.examples import HeadExample
from slm.interp.heads.scores import HeadScores
from slm.progress import Steps
from slm.runs import Checkpoint


@of_checkpoint(max_entries=32, waiting="Reading stories …")
def head_scores(checkpoint: Checkpoint, corpus: str, stories: int) -> HeadScores:
    """How much every head looks at what its labels would name, kept or measured; none is ablated."""
    return kept.measured_scores(checkpoint, corpus, stories)


@of_checkpoint(max_entries=64, waiting="Reading stories …")
def head_examples(
    checkpoint: Checkpoint, kind: str, layer: int, head: int, back: int = 0
) -> list[HeadExample]:
    """The strongest places at which a head looks at a target of `kind`."""
    return heads_examples.head_examples(checkpoint, layer, head, kind, back=back)


@shared_work(models=1, max_entries=32, begin=False)
def head_atlas(address: str, corpus: str, stories: int) -> Steps[HeadAtlas]:
    """Every head scored and ablated, read where it is kept; not begun yet."""
    return kept.measured_atlas(checkpoint(address), corpus=corpus, stories=stories)
