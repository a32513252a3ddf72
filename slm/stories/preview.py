"""A look at a corpus before anything is trained on it: how it is cleaned, and how it would be cut."""

from dataclasses import dataclass
from itertools import islice

from slm.errors import BadInput
from slm.stories.cleaning import CleaningReport, cleaned_with_keys
from slm.stories.sources import open_source
from slm.stories.tokenizer import Tokenizer

LOOKED_AT = 2000
"""Raw stories that a preview reads."""


@dataclass(frozen=True, kw_only=True)
class Preview:
    """The first stories of a corpus, cleaned, and as tokens.

    `str_tokens[i]` are story i's tokens by a tokenizer that learned from these stories alone: close to
    what training's own will do, which learns from all. `bytes_per_token` is over all of them.
    """

    report: CleaningReport
    stories: tuple[str, ...]
    str_tokens: tuple[tuple[str, ...], ...]
    bytes_per_token: float


def preview(corpus: str, d_vocab: int, *, shown: int = 5, tokenizer: str = "") -> Preview:
    """Read the first stories of `corpus`; `tokenizer` is one's JSON where it is known already.

    Raises `BadInput` where the corpus cannot be opened, no story survives cleaning, or most of them
    count as cut off.
    """
    report = CleaningReport()
    source = open_source(corpus)
    first = islice(source.raw(), LOOKED_AT)
    stories = [story for _, story in cleaned_with_keys(source, first, report)]
    if not stories:
        raise BadInput(f"the corpus {corpus!r} holds no story that survives cleaning")
    cutter = Tokenizer.from_json(tokenizer) if tokenizer else Tokenizer.train(stories, d_vocab)
    tokens = cutter.encode_many(stories)
    return Preview(
        report=report,
        stories=tuple(stories[:shown]),
        str_tokens=tuple(tuple(cutter.to_str_tokens(ids)) for ids in tokens[:shown]),
        bytes_per_token=sum(len(s.encode()) for s in stories) / max(1, sum(map(len, tokens))),
    )
