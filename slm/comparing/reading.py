"""The stories that two models are compared on."""

from dataclasses import dataclass
from itertools import islice

from slm.errors import BadInput
from slm.stories.cleaning import cleaned
from slm.stories.sources import open_source


@dataclass(frozen=True, kw_only=True)
class ComparedStories:
    """The first stories of a corpus, cleaned: its validation stories where it has its own."""

    corpus: str
    fingerprint: str
    texts: tuple[str, ...]


def read(corpus: str, stories: int) -> ComparedStories:
    """Read the first `stories` cleaned stories of a corpus, of its validation split where it has one.

    Raises `BadInput` for a corpus that cannot be read or holds no story, and for less than one.
    """
    if stories < 1:
        raise BadInput(f"at least 1 story must be compared, not {stories}")
    source = open_source(corpus, "valid")
    texts = tuple(islice(cleaned(source), stories))
    if not texts:
        raise BadInput(f"the corpus {corpus!r} holds no story that survives cleaning")
    return ComparedStories(corpus=corpus, fingerprint=source.fingerprint, texts=texts)
