"""Rouge-k of two texts (Lin 2004)."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

_WORD = re.compile(r"[^\W_]+")


class WordSpan(NamedTuple):
    """A word in lower case, and where it stands: from character `start` to `stop` (exclusive)."""

    text: str
    start: int
    stop: int


def words(text: str) -> list[WordSpan]:
    """Tokenise a text to words: runs of letters and digits, in lower case."""
    return [WordSpan(match[0].lower(), *match.span()) for match in _WORD.finditer(text)]


def grams(found: Sequence[str], k: int) -> Counter[tuple[str, ...]]:
    """Count the k-grams of words."""
    return Counter(zip(*(found[first:] for first in range(k)), strict=False))


def precision(of: Sequence[str], against: Sequence[str], k: int) -> float | None:
    """Compute Rouge-k precision: the share of the k-grams in `of` that occur in `against`.

    A k-gram counts as often as both texts have it. None where `of` is shorter than k words.
    """
    ours, theirs = grams(of, k), grams(against, k)
    total = ours.total()
    return (ours & theirs).total() / total if total else None


def f_measure(one: Sequence[str], other: Sequence[str], k: int) -> float | None:
    """Compute the Rouge-k f-measure: the harmonic mean of the precision in both directions."""
    there, back = precision(one, other, k), precision(other, one, k)
    if there is None or back is None:
        return None
    return 2 * there * back / (there + back) if there + back else 0.0
