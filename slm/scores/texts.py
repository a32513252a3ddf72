"""A story as the measures read it: an opening that was given, and how it was gone on with."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from slm.grading.items import Item
from slm.stories import shipped

_SENTENCE_END = re.compile(r"[.!?\u2026][\"\u201d'\u2019)]*(?=\s|$)")
OPENING_SENTENCES = 2
"""What of a whole story counts as its given opening, so that it is as long as the shipped ones."""


@dataclass(frozen=True, kw_only=True)
class CompletedStory:
    """A story: what was given, and what was written; `opening_index` tells openings apart."""

    opening: str
    completion: str
    opening_index: int = 0

    @property
    def text(self) -> str:
        """Return the whole story."""
        return self.opening + self.completion


def written(item: Item) -> CompletedStory:
    """Take a story as it was completed; one cut off by the length ends with its last whole sentence."""
    whole = item.completion
    if item.cut and (ends := sentence_ends(whole)):
        whole = whole[: ends[-1]]
    return CompletedStory(opening=item.opening, completion=whole, opening_index=item.opening_index)


def shipped_stories() -> list[CompletedStory]:
    """Return the shipped stories, the first sentences of each as its opening."""
    return [whole_story(one.text, at) for at, one in enumerate(shipped.stories())]


def whole_story(text: str, index: int = 0) -> CompletedStory:
    """Take a whole story, its first sentences as the opening."""
    ends = sentence_ends(text)
    at = ends[OPENING_SENTENCES - 1] if len(ends) > OPENING_SENTENCES else 0
    return CompletedStory(opening=text[:at], completion=text[at:], opening_index=index)


def sentence_ends(text: str) -> list[int]:
    """Return where sentences end: after a full stop, a mark or the quotation mark behind it."""
    return [match.end() for match in _SENTENCE_END.finditer(text)]


def sentences(text: str) -> list[str]:
    """Split a text into sentences, each with the space before it; what follows the last end is one."""
    cuts = [0, *sentence_ends(text)]
    parts = [text[one:other] for one, other in zip(cuts, [*cuts[1:], len(text)], strict=True)]
    return [part for part in parts if part.strip()]


def openings_of(stories: Sequence[CompletedStory]) -> list[int]:
    """Return each story's opening, the cluster of every bootstrap."""
    return [story.opening_index for story in stories]
