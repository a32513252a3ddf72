"""Stories that are told again with other names and places.

A *name* is a word that is capitalised inside a sentence of its text, or one of the nursery's names
where it is capitalised; a *place* is one of the nursery's places. Both are masked, and the masked
words are looked up in an index of the masked corpus.

The rule: a text is told again where one story of the corpus holds at least `ALIKE` of its masked
runs of four words (Rouge-4 precision). It is a *template copy* where fewer of its runs stand there
with their names and places, else an exact copy.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Literal

from slm.memorization.rouge import precision, words
from slm.memorization.suffix_index import CopyIndex, copies, plain_words

ALIKE = 0.8
K = 4
NAME, PLACE = "<name>", "<place>"
"""What stands for a name and a place: no word can be it."""
SHORTEST_RUN = 6
"""Masked words in a row that make a story of the corpus worth comparing with."""
CANDIDATES = 20
"""Stories compared for each such run; where more hold it, the run is a phrase of everybody's."""

_NOT_INSIDE = re.compile(r"[.!?:\"“”\n]")


@dataclass(frozen=True, kw_only=True)
class Template:
    """The corpus story that is most similar to a text.

    Its number, and the shares of the text's 4-grams that occur in it, with names and places masked
    (`masked`) and as they are (`plain`).
    """

    story: int
    masked: float
    plain: float

    @property
    def kind(self) -> Literal["exact copy", "template copy"] | None:
        """The kind of near duplicate that the text is; None where it is none."""
        if self.masked < ALIKE:
            return None
        return "template copy" if self.plain < self.masked else "exact copy"


def masked_words(text: str) -> list[str]:
    """Return the words of a story with names and places masked; as many as `plain_words` gives."""
    found = words(text)
    inside = {
        word.text
        for before, word in pairwise(found)
        if text[word.start].isupper()
        and word.text not in ("i", "tv")
        and not _NOT_INSIDE.search(text[before.stop : word.start])
    }
    return [
        PLACE
        if word.text in _places()
        else NAME
        if text[word.start].isupper() and (word.text in inside or word.text in _names())
        else word.text
        for word in found
    ]


@cache
def _names() -> frozenset[str]:
    from slm.stories.nursery.book import read_book

    names = read_book().names
    return frozenset(name.lower() for kind in ("girls", "boys") for name in names[kind])


@cache
def _places() -> frozenset[str]:
    from slm.stories.nursery.book import read_book

    return frozenset(place.noun.lower() for place in read_book().places)


def most_alike(text: str, masked: CopyIndex) -> Template | None:
    """Find the story of a masked index with the highest 4-gram precision; None where nothing is shared.

    Compared are the stories that hold the text's longest masked runs. One that equals the text but
    for names and places is always among them (its run is the whole text), unless more than
    `CANDIDATES` stories do.
    """
    own = masked_words(text)
    runs = copies(masked.matches(own), SHORTEST_RUN)
    numbers = {run.story for run in runs}
    for run in runs:
        numbers.update(masked.stories_with(own[run.start : run.stop], CANDIDATES))
    plain = plain_words(text)
    best: Template | None = None
    for number in sorted(numbers):
        story = masked.story(number)
        alike = precision(own, masked_words(story), K)
        if alike is not None and (best is None or alike > best.masked):
            same = precision(plain, plain_words(story), K) or 0.0
            best = Template(story=number, masked=alike, plain=same)
    return best


def near_duplicates(found: Sequence[Template | None]) -> list[bool]:
    """Return which of the texts are template copies."""
    return [one is not None and one.kind == "template copy" for one in found]
