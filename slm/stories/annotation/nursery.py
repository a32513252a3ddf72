"""Nursery stories as tokens whose roles are known: the truth that heads and neurons are scored by."""

from collections.abc import Iterator
from dataclasses import dataclass

from slm.stories import nursery
from slm.stories.nursery import NurseryStory, Role
from slm.stories.tokenizer import Tokenizer


@dataclass(frozen=True, kw_only=True)
class AnnotatedStory:
    """A nursery story token by token, END first; every tuple is [pos].

    `roles[i]` is the role of the word that token i begins or goes on with; None for END, punctuation
    and line ends. `begins[i]` says that it is the first token of its word. `quoted[i]` says that its
    word is said aloud.
    """

    story: NurseryStory
    tokens: tuple[int, ...]
    roles: tuple[Role | None, ...]
    begins: tuple[bool, ...]
    quoted: tuple[bool, ...]

    def where(self, *roles: Role) -> list[int]:
        """Return the positions of the first tokens of words with one of `roles`."""
        return [
            at
            for at, (role, begins) in enumerate(zip(self.roles, self.begins, strict=True))
            if begins and role in roles
        ]


def annotate(story: NurseryStory, tokenizer: Tokenizer) -> AnnotatedStory:
    """Give every token of a nursery story the role of its word.

    A token that holds letters of two words (no tokenizer of ours makes one) gets the first.
    """
    roles: list[Role | None] = [None]
    begins, quoted = [False], [False]
    spans, at = story.spans, 0
    begun = -1
    for first, last in tokenizer.offsets(story.text):
        while at < len(spans) and spans[at].end <= first:
            at += 1
        inside = at < len(spans) and spans[at].start < last
        roles.append(spans[at].role if inside else None)
        quoted.append(inside and spans[at].quoted)
        begins.append(inside and begun != at)
        begun = at if inside else begun
    return AnnotatedStory(
        story=story,
        tokens=tuple(tokenizer.encode_story(story.text)),
        roles=tuple(roles),
        begins=tuple(begins),
        quoted=tuple(quoted),
    )


def annotated(
    tokenizer: Tokenizer, count: int, *, seed: int = 0, first: int = 0
) -> Iterator[AnnotatedStory]:
    """Yield nursery stories `first` to `first + count` (exclusive) of `seed`, annotated."""
    return (annotate(story, tokenizer) for story in nursery.stories(count, seed=seed, first=first))
