"""Search of a whole corpus: by its suffix index where it has one, else by reading it."""

from slm.errors import BadInput
from slm.memorization.suffix_index import CopyIndex, open_copies
from slm.progress import Progress, Steps
from slm.stories.search import SHOWN, Query, SearchResult, places_in, result, scan
from slm.stories.sources import open_source


def search(corpus: str, query: Query, *, limit: int = SHOWN) -> Steps[SearchResult]:
    """Count a query's occurrences in a corpus and return the first `limit` places with context.

    A text is looked up in the index of the corpus where one is built; an expression is always
    searched by reading. Raises `BadInput` for a corpus that cannot be read.
    """
    index = open_copies(corpus) if query.kind == "text" else None
    if index is None:
        return (yield from scan(open_source(corpus), query, limit=limit))
    yield Progress(doing="looking it up in the index", share=0.0)
    return indexed_search(corpus, index, query, limit=limit)


def indexed_search(
    corpus: str, index: CopyIndex, query: Query, *, limit: int = SHOWN
) -> SearchResult:
    """Look a text up in a suffix index: every occurrence is counted, none of the corpus is read."""
    if limit < 0:
        raise BadInput(f"a search shows 0 places or more, not {limit}")
    stories = index.every_story_with(query.words)
    first = ((int(number), index.story(int(number))) for number in stories[:limit])
    return result(
        corpus,
        query,
        index.count(query.words),
        len(stories),
        len(index),
        places_in(query, first, limit),
        indexed=True,
    )
