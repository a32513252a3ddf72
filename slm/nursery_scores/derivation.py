"""Recognition of the nursery grammar's lines: which sentences of a text the grammar derives.

The book's templates are read once more, with a slot where the page would write a name, a thing or a
place. A line of a plot is derived where each slot holds anything that the book can put there, so what
is asked is grammar alone: whether it is the same thing throughout is for the other measures. Matching
is by memoised recursive descent over words and marks; capitals do not count.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from slm.stories.nursery.book import BookReader, read_book
from slm.stories.nursery.page import (
    Alternatives,
    CallPiece,
    Lasting,
    LiteralText,
    Marked,
    Piece,
    PieceSequence,
    Quote,
    StoryPage,
    Tagged,
    article_before,
)
from slm.stories.nursery.template import SHORT, SPOKEN, Reader

