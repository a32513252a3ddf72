"""Branches of a story: choices of tokens at places.

A story is a function of its beginning, its seed and the tokens that were chosen rather than drawn. So
a branch is nothing but its choices: the same choices give the same story again, whoever follows them,
and a tree of them fits a link.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from slm.errors import BadInput

MOST_BRANCHES, MOST_CHOICES, MOST_TOKENS = 40, 20, 40
"""How large a tree may grow: its branches, the choices on the way to one, the tokens of a choice."""

_CHOICE = re.compile(r"\d{1,5}(\.\d{1,5})+", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class BranchPoint:
    """At `place` (0 is the first token written after the beginning) and after it, these tokens."""

    place: int
    tokens: tuple[int, ...]

    @property
    def end(self) -> int:
        """The place after the last forced token."""
        return self.place + len(self.tokens)


BranchPath = tuple[BranchPoint, ...]
"""The choices that lead to a branch, by place. The story as it was drawn is the empty path."""


def forced_tokens(path: BranchPath) -> dict[int, int]:
    """Return the forced token at each chosen place, in the form the sampler takes."""
    return {choice.place + at: token for choice in path for at, token in enumerate(choice.tokens)}


def branch_off(path: BranchPath, place: int, tokens: tuple[int, ...]) -> BranchPath:
    """Branch off `path` at `place` with these tokens; later choices are dropped.

    Where `place` lies within a choice, the choice is cut there and goes on with the new tokens.
    """
    kept: list[BranchPoint] = []
    for choice in path:
        if choice.end <= place:
            kept.append(choice)
        elif choice.place < place:
            tokens, place = (*choice.tokens[: place - choice.place], *tokens), choice.place
    return (*kept, BranchPoint(place=place, tokens=tokens))


@dataclass(frozen=True, kw_only=True)
class Branches:
    """A tree of branches, in the order in which they were made; the story as drawn is its root.

    With a branch, those it parted from are in it, too.
    """

    paths: tuple[BranchPath, ...] = ()

    def __post_init__(self) -> None:
        """Raise `BadInput` where the tree is too large."""
        if len(self.paths) > MOST_BRANCHES:
            raise BadInput(f"a story has at most {MOST_BRANCHES} branches, not {len(self.paths)}")

    def __contains__(self, path: BranchPath) -> bool:
        return not path or path in self.paths

    def grown(self, path: BranchPath) -> "Branches":
        """Return the tree with this branch and its ancestors added."""
        _check(path)
        ways = (path[: length + 1] for length in range(len(path)))
        return Branches(paths=(*self.paths, *(way for way in ways if way not in self)))

    def without(self, path: BranchPath) -> "Branches":
        """Return the tree without this branch and its descendants; the root stays."""
        if not path:
            return self
        return Branches(paths=tuple(p for p in self.paths if p[: len(path)] != path))

    def walk(self, path: BranchPath = ()) -> Iterator[BranchPath]:
        """Yield a branch and its descendants depth first, siblings ordered by place."""
        yield path
        children = [child for child in self.paths if child and child[:-1] == path]
        for child in sorted(children, key=lambda child: child[-1].place):  # stable: oldest first
            yield from self.walk(child)

    def to_link(self) -> str:
        """Serialise the tree for a link, as its leaves."""
        inner = {path[:-1] for path in self.paths}
        return "~".join(path_to_link(path) for path in self.paths if path not in inner)

    @classmethod
    def from_link(cls, text: str) -> "Branches":
        """Read `to_link`'s output; `BadInput` where it is none, or too large."""
        tree = cls()
        for part in text.split("~") if text else ():
            tree = tree.grown(path_from_link(part))
        return tree


def path_to_link(path: BranchPath) -> str:
    """Serialise a branch for a link: `12.345-30.7.8` takes 345 at place 12, 7 and 8 from place 30."""
    return "-".join(".".join(map(str, (choice.place, *choice.tokens))) for choice in path)


def path_from_link(text: str) -> BranchPath:
    """Read `path_to_link`'s output; `BadInput` where it is none."""
    path: BranchPath = ()
    for part in text.split("-") if text else ():
        if not _CHOICE.fullmatch(part):
            raise BadInput(
                f"a branch is written place.token, such as 12.345-30.7, not {text[:40]!r}"
            )
        place, *tokens = map(int, part.split("."))
        path = (*path, BranchPoint(place=place, tokens=tuple(tokens)))
    _check(path)
    return path


def _check(path: BranchPath) -> None:
    if len(path) > MOST_CHOICES:
        raise BadInput(f"a branch takes at most {MOST_CHOICES} choices, not {len(path)}")
    end = 0
    for choice in path:
        if not 1 <= len(choice.tokens) <= MOST_TOKENS:
            raise BadInput(f"a choice takes 1 to {MOST_TOKENS} tokens, not {len(choice.tokens)}")
        if choice.place < end:
            raise BadInput(f"the choices of a branch follow one another: {path_to_link(path)}")
        end = choice.end
