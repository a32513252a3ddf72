"""Stories whose words carry labels: nursery's roles, or the word classes of any text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from jaxtyping import Bool

from slm.stories.annotation.nursery import AnnotatedStory, annotated
from slm.stories.annotation.word_classes import AFTER_NAMED, CLASSES, OPENS_QUOTATION, classed_words
from slm.stories.cleaning import cleaned
from slm.stories.nursery import Role
from slm.stories.sources import open_source
from slm.stories.tokenizer import Tokenizer

NURSERY = "nursery"
ROLES = (*(role.value for role in Role), OPENS_QUOTATION, AFTER_NAMED)
"""What a word of a nursery story may be; the last two may be said beside another."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledStory:
    """A story's tokens (END first), where its words begin, and which labels each of them has."""

    tokens: tuple[int, ...]
    places: tuple[int, ...]
    labels: Bool[np.ndarray, "word label"]


def labelled(
    tokenizer: Tokenizer, corpus: str, count: int, *, seed: int = 0
) -> tuple[tuple[str, ...], Iterator[LabelledStory]]:
    """Return the label names and the first `count` labelled stories of a corpus, made as they are read.

    Nursery stories are labelled with roles, those of any other source with word classes. Raises
    `BadInput` for a source that cannot be opened.
    """
    if corpus == NURSERY:
        found = annotated(tokenizer, count, seed=seed)
        return ROLES, (roles_of(story, tokenizer) for story in found)
    texts = islice(cleaned(open_source(corpus)), count)
    return CLASSES, (classes_of(text, tokenizer) for text in texts)


def with_roles(tokenizer: Tokenizer, count: int, *, seed: int = 0) -> list[LabelledStory]:
    """Return nursery stories labelled with `ROLES`."""
    return [roles_of(story, tokenizer) for story in annotated(tokenizer, count, seed=seed)]


def roles_of(story: AnnotatedStory, tokenizer: Tokenizer) -> LabelledStory:
    """Label the words of a nursery story with `ROLES`."""
    places = tuple(at for at, begins in enumerate(story.begins) if begins)
    labels = np.zeros((len(places), len(ROLES)), dtype=bool)
    spans, text, last = story.story.spans, story.story.text, ""
    for word, (at, span) in enumerate(zip(places, spans, strict=True)):
        role = story.roles[at]
        assert role is not None
        labels[word, ROLES.index(role.value)] = True
        opened = span.quoted and text[span.start - 1 : span.start] == '"'
        labels[word, ROLES.index(OPENS_QUOTATION)] = opened
        labels[word, ROLES.index(AFTER_NAMED)] = last == "named"
        last = text[span.start : span.end]
    return LabelledStory(tokens=story.tokens, places=places, labels=labels)


def classes_of(text: str, tokenizer: Tokenizer) -> LabelledStory:
    """Label the words of a story with `CLASSES`; a word that begins inside a token is left out."""
    offsets = tokenizer.offsets(text)
    ends = np.array([end for _, end in offsets])
    places: list[int] = []
    rows: list[list[bool]] = []
    for word in classed_words(text):
        at = int(np.searchsorted(ends, word.start, side="right"))
        if text[offsets[at][0] : word.start].strip() or at + 1 in places[-1:]:
            continue
        places.append(at + 1)
        rows.append([name in word.classes for name in CLASSES])
    return LabelledStory(
        tokens=tuple(tokenizer.encode_story(text)),
        places=tuple(places),
        labels=np.array(rows, dtype=bool).reshape(len(places), len(CLASSES)),
    )


def first_str_tokens(tokenizer: Tokenizer, stories: Sequence[LabelledStory]) -> list[str]:
    """Return the first token of every labelled word of all stories, stripped and in lower case."""
    return [
        str_token.strip().lower()
        for story in stories
        for str_token in tokenizer.to_str_tokens([story.tokens[at] for at in story.places])
    ]
