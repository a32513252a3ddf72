"""What a corpus holds, worked out once for all sessions."""

from app.cache.checkpoints import checkpoint, of_checkpoint
from app.cache.shared_work import shared_work
from slm.interp.predictions.corpus_loss import CorpusLoss, token_nats
from slm.interp.predictions.corpus_loss import corpus_loss as loss_of
from slm.memorization.search import search as search_corpus
from slm.progress import Progress, Steps
from slm.runs import Checkpoint
from slm.stories.diversity import Diversity
from slm.stories.diversity import diversity as diversity_of
from slm.stories.search import Kind, Query, SearchResult
from slm.stories.sources import last_changed
from slm.stories.statistics import FirstStories, StoryStatistics, first_stories, statistics


def _changed(corpus: str, *rest: object) -> tuple[int, ...]:
    return last_changed(corpus)


def _changed_of_model(address: str, corpus: str, *rest: object) -> tuple[int, ...]:
    return last_changed(corpus)


@shared_work(models=0, max_entries=8, also=_changed)
def corpus_read(corpus: str, count: int) -> Steps[tuple[FirstStories, StoryStatistics]]:
    """Read the first stories of a corpus, and count what they are made of."""
    read = yield from first_stories(corpus, count)
    yield Progress(doing="counting words", share=0.99)
    return read, statistics(read)


@shared_work(models=0, max_entries=8, also=_changed)
def corpus_diversity(corpus: str, count: int) -> Steps[Diversity]:
    """Measure how much the first stories of a corpus repeat each other."""
    read = yield from first_stories(corpus, count)
    yield Progress(doing="comparing every two stories", share=None)
    return diversity_of(read.stories)


@shared_work(models=0, max_entries=32, also=_changed)
def corpus_search(corpus: str, query: str, kind: Kind, limit: int) -> Steps[SearchResult]:
    """Search a whole corpus."""
    return (yield from search_corpus(corpus, Query(text=query, kind=kind), limit=limit))


@shared_work(models=1, max_entries=16, also=_changed_of_model)
def corpus_loss(address: str, corpus: str, count: int) -> Steps[CorpusLoss]:
    """Compute a model's loss on each of the first stories of a corpus."""
    read = yield from first_stories(corpus, count)
    return (yield from loss_of(checkpoint(address), read.stories))


@of_checkpoint(max_entries=64, waiting="Reading the story …")
def story_tokens(
    checkpoint: Checkpoint, text: str
) -> tuple[tuple[int, ...], tuple[str, ...], tuple[float, ...]]:
    """Return the ids and strings of a story's tokens, its opening first, and the surprisal of the others.

    The surprisal (nats) of the story's end comes last: there are as many as tokens.
    """
    ids = checkpoint.tokenizer.encode_story(text)
    nats = token_nats(checkpoint, text)
    return tuple(ids), tuple(checkpoint.tokenizer.to_str_tokens(ids)), tuple(map(float, nats))
