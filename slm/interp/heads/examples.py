"""Strongest examples of a head's label: the tokens of stories with most attention on one target.

The shipped stories serve wherever they tell what a label's targets are; a protagonist, an object or a
place is known in nursery stories alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32

from slm.generation.fitting import story_that_fits
from slm.interp.heads.rows import by_class, make_rows
from slm.interp.heads.targets import (
    BY_PLACE,
    BY_TOKEN,
    HeadLabel,
    duplicate_targets,
    induction_targets,
    place_targets,
)
from slm.model import functional
from slm.runs import Checkpoint
from slm.stories import shipped
from slm.stories.annotation.word_classes import CLASSES, NAME_AGAIN, NAME_FIRST

STORIES, SHOWN = 8, 64
"""Stories that are looked through, and how many of their first tokens."""
FIRST_QUERY = 8
"""The first query that is an example: before it hardly anything can be chosen from."""
LEAST_BACK = 4
"""How far a target by meaning stands back: nearer ones a head that looks by distance would look at, too."""


@dataclass(frozen=True, kw_only=True, eq=False)
class HeadExample:
    """A query of a story, its attention on itself and the tokens before, and the target it looks at most.

    `title` is that of a shipped story, "" for one of nursery's; `text` is what was read.
    """

    title: str
    text: str
    str_tokens: tuple[str, ...]
    query: int
    key: int
    attention: Float32[np.ndarray, "key"]

    @property
    def weight(self) -> float:
        """The share of its attention that the query gives to the key."""
        return float(self.attention[self.key])


def head_examples(
    checkpoint: Checkpoint, layer: int, head: int, kind: str, back: int = 0, *, count: int = 3
) -> list[HeadExample]:
    """Find the strongest place of each story at which a head looks at a target of `kind`.

    `back` is the distance of the kind "fixed distance". The strongest first; none where no story has
    a target. Raises `BadInput` where the context is too short.
    """
    found = [
        example
        for story in _stories(checkpoint, kind, back)
        if (example := _strongest(checkpoint, story, layer, head)) is not None
    ]
    return sorted(found, key=lambda one: -one.weight)[:count]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Story:
    title: str
    text: str
    tokens: tuple[int, ...]
    targets: Bool[np.ndarray, "query key"]


def _stories(checkpoint: Checkpoint, kind: str, back: int) -> Iterator[_Story]:
    if kind in (HeadLabel.HERO, HeadLabel.OBJECT, HeadLabel.PLACE):
        rows = make_rows(checkpoint, stories=STORIES, random=0)
        for tokens, targets in zip(
            rows.tokens, rows.targets[:, rows.kinds.index(kind)], strict=True
        ):
            ids = tuple(tokens.tolist())
            text = checkpoint.tokenizer.decode(ids)
            yield _Story(title="", text=text, tokens=ids, targets=np.tril(targets, -LEAST_BACK))
        return
    for story in shipped.stories()[:STORIES]:
        text = story_that_fits([checkpoint], story.text).text
        targets = targets_in(checkpoint, text, kind, back)
        tokens = tuple(checkpoint.tokenizer.encode_story(text)[:SHOWN])
        shown = targets[: len(tokens), : len(tokens)]
        yield _Story(title=story.title, text=text, tokens=tokens, targets=shown)


def targets_in(
    checkpoint: Checkpoint, text: str, kind: str, back: int
) -> Bool[np.ndarray, "query key"]:
    """Return the key positions that a kind of head attends to in any story; none for nursery's roles.

    A name is a word written with a capital inside a sentence. Repeats count between whole words,
    where there are any.
    """
    tokens = np.array(checkpoint.tokenizer.encode_story(text))
    if kind in BY_PLACE:
        return place_targets(kind, len(tokens), back)
    if kind in BY_TOKEN:
        found = (duplicate_targets if kind == HeadLabel.DUPLICATE else induction_targets)(tokens)
        str_tokens = checkpoint.tokenizer.to_str_tokens(tokens.tolist())
        word = np.array([is_word(one) for one in str_tokens])
        between_words = np.asarray(found & word[:, None] & word[None, :])
        return between_words if between_words.any() else found
    classes = (NAME_FIRST, NAME_AGAIN) if kind == HeadLabel.NAMES else (kind,)
    story = by_class(text, checkpoint.tokenizer)
    meant = np.any(story.meant[[CLASSES.index(one) for one in classes if one in CLASSES]], axis=0)
    return np.asarray(np.tri(len(tokens), k=-LEAST_BACK, dtype=bool) & meant[None, :])


def is_word(str_token: str) -> bool:
    """Return whether a token is a whole word of two letters or more, with the space before it."""
    return str_token.startswith(" ") and len(str_token) > 2 and str_token.strip().isalpha()


@torch.no_grad()
def _strongest(checkpoint: Checkpoint, story: _Story, layer: int, head: int) -> HeadExample | None:
    cache = functional.ActivationCache([f"blocks.{layer}.attn.hook_pattern"])
    functional.hidden(checkpoint.weights, torch.tensor([story.tokens]), hook=cache)
    pattern = cache[f"blocks.{layer}.attn.hook_pattern"][0, head].numpy()
    on_target = np.where(story.targets, pattern, 0.0)
    on_target[:FIRST_QUERY] = 0.0
    if not on_target.any():
        return None
    query, key = (int(one) for one in np.unravel_index(on_target.argmax(), on_target.shape))
    return HeadExample(
        title=story.title,
        text=story.text,
        str_tokens=tuple(checkpoint.tokenizer.to_str_tokens(story.tokens)),
        query=query,
        key=key,
        attention=pattern[query, : query + 1],
    )
