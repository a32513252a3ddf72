"""What the labels of a head claim: which tokens it looks at, what that is compared with, what it serves.

A label such as "induction" is a set of targets: for every token that looks, the earlier tokens that
a head of this kind would look at. What is looked at here are nursery stories, in which every word's
role is known, and rows of random tokens that repeat. All rows have one length, so nothing is padded
and the places of one row can be asked about in another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np
from jaxtyping import Bool, Float32, Int64

from slm.errors import BadInput
from slm.runs import Checkpoint
from slm.stories import nursery
from slm.stories.annotated import AnnotatedStory, annotate
from slm.stories.nursery import NurseryStory, Role

LENGTH = 128
"""Tokens of a row, or the context where that is shorter."""
STORIES, RANDOM = 64, 24
"""Nursery stories that are read, and rows of random tokens."""
DISTANCES = 64
"""How far back the profile by distance goes."""
CANDIDATES = 3  # stories written for each that is read
SHORTEST = 12  # a context in which something can be looked back at
OTHER_ROWS = 4  # rows whose targets make the baseline "the same places"


class Kind(StrEnum):
    """What a head may be said to look at."""

    PREVIOUS = "previous token"
    DISTANCE = "fixed distance"
    CURRENT = "current token"
    FIRST = "first token"
    DUPLICATE = "duplicate token"
    INDUCTION = "induction"
    INDUCTION_STORIES = "induction in stories"
    NAMES = "names"
    HERO = "protagonist"
    OBJECT = "object"
    PLACE = "place"


KINDS = tuple(Kind)
BY_CONTENT = (
    Kind.DUPLICATE,
    Kind.INDUCTION,
    Kind.INDUCTION_STORIES,
    Kind.NAMES,
    Kind.HERO,
    Kind.OBJECT,
    Kind.PLACE,
)
"""Kinds whose targets depend on what stands there, not on how far away it stands."""

_MENTIONS = (Role.HERO_FIRST, Role.HERO, Role.OTHER_FIRST, Role.OTHER)
_NOUNS = (Role.KIND, Role.BYSTANDER, Role.NOUN)
_MEANT: dict[Kind, tuple[tuple[Role, ...], tuple[Role, ...], tuple[Role, ...]]] = {
    # what is looked at; what might have been; what is said with its help
    Kind.NAMES: (_MENTIONS, (*_NOUNS, Role.OBJECT, Role.PLACE), _MENTIONS),
    Kind.HERO: (
        (Role.HERO_FIRST, Role.HERO),
        (Role.OTHER_FIRST, Role.OTHER, Role.BYSTANDER),
        (Role.HERO, Role.HERO_PRONOUN),
    ),
    Kind.OBJECT: (
        (Role.OBJECT,),
        (*_NOUNS, Role.PLACE),
        (Role.OBJECT, Role.OBJECT_PRONOUN),
    ),
    Kind.PLACE: ((Role.PLACE,), (*_NOUNS, Role.OBJECT), (Role.PLACE,)),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """What heads are shown: `stories` rows of nursery stories, then rows of random tokens.

    `targets[row, kind, query, key]` (kinds as in `BY_CONTENT`) says what a head of that kind looks
    at; a query without a target is not asked. `pools` are the like words that were not meant, for
    kinds by meaning. `served[row, kind, pos]` marks the positions whose prediction the label claims
    to help.
    """

    stories: int
    tokens: Int64[np.ndarray, "row pos"]
    targets: Bool[np.ndarray, "row kind query key"]
    pools: Bool[np.ndarray, "row kind query key"]
    served: Bool[np.ndarray, "row kind pos"]

    @property
    def asked(self) -> Bool[np.ndarray, "row kind"]:
        """Whether a row has any target of a kind."""
        return np.asarray(self.targets.any((2, 3)))

    def weights(self, rows: slice) -> Float32[np.ndarray, "row column query key"]:
        """What a pattern is multiplied by and summed: for each kind its score, then its two nulls.

        The score is the attention on the targets, averaged over the queries that have one. Both
        nulls keep the attention as it is and move the targets: exact means over all moves, no draws.
        The first, "the same places": the targets of other rows, so that a head that looks at
        places rather than at what stands there gets as much. The second depends on the kind. For
        duplicates and induction, "the neighbours": the same keys, looked at by the tokens just
        before and after the query, which have no reason to. For meanings, "what might have been":
        the targets shuffled among themselves and like words that are not meant: names among all
        nouns, the protagonist among all characters, object and place among the other nouns.
        """
        own = _per_query(self.targets[rows])
        places = np.mean([_per_query(self.targets[at]) for at in self._other_rows(rows)], 0)
        looked = np.where(
            self.pools[rows].any((2, 3), keepdims=True),
            _among(self.targets[rows], self.pools[rows]),
            _by_neighbours(self.targets[rows]),
        )
        columns = np.concatenate([own, places.astype(np.float32), looked], axis=1)
        return columns.astype(np.float32)

    def _other_rows(self, rows: slice) -> list[Int64[np.ndarray, "row"]]:
        """For each of `rows` one other of its sort, several times; far off, as periods grow slowly."""
        at = np.arange(len(self.tokens))[rows]
        told, random = self.stories, len(self.tokens) - self.stories

        def others(number: Int64[np.ndarray, "row"], count: int, turn: int) -> np.ndarray:
            step = max(1, count // (OTHER_ROWS + 1))
            return np.asarray((number + turn * step) % max(count, 1))

        return [
            np.where(at < told, others(at, told, turn), told + others(at - told, random, turn))
            for turn in range(1, OTHER_ROWS + 1)
        ]


def make_rows(
    checkpoint: Checkpoint, *, stories: int = STORIES, random: int = RANDOM, seed: int = 0
) -> Rows:
    """Nursery stories and random repeats in this model's tokens.

    Raises `BadInput` where the context is too short to look back in, or where there is no story.
    """
    if stories < 1:
        raise BadInput(f"heads are judged on at least one story, not {stories}")
    length = min(LENGTH, checkpoint.config.n_ctx)
    if length < SHORTEST:
        raise BadInput(
            f"heads are judged in contexts of at least {SHORTEST} tokens, not {checkpoint.config.n_ctx}"
        )
    told = _told(checkpoint, stories, length, seed)
    read = np.array([story.tokens[:length] for story in told], dtype=np.int64)
    repeats = _repeats(np.unique(read[:, 1:]), random, length, checkpoint.tokenizer.opening, seed)
    tokens = np.concatenate([read, repeats])
    size = (len(tokens), len(BY_CONTENT), length, length)
    targets, pools = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    served = np.zeros(size[:3], dtype=bool)
    of = BY_CONTENT.index
    is_story = np.arange(len(tokens)) < len(told)
    again, after = _again(tokens), _after(_again(tokens))
    comes_true = after & (tokens[:, None, :] == np.roll(tokens, -1, axis=1)[:, :, None])
    targets[is_story, of(Kind.DUPLICATE)] = again[is_story]
    served[is_story, of(Kind.DUPLICATE)] = again[is_story].any(-1)
    for kind, mine in ((Kind.INDUCTION, ~is_story), (Kind.INDUCTION_STORIES, is_story)):
        targets[mine, of(kind)] = after[mine]
        served[mine, of(kind)] = comes_true[mine].any(-1)
    for kind in _MEANT:
        for row, story in enumerate(told):
            targets[row, of(kind)], pools[row, of(kind)], served[row, of(kind)] = _meant(
                checkpoint, story, kind, length
            )
    served[:, :, [0, -1]] = (
        False  # before the first word nothing is known, after the last nothing is asked
    )
    return Rows(stories=len(told), tokens=tokens, targets=targets, pools=pools, served=served)


def _told(checkpoint: Checkpoint, count: int, length: int, seed: int) -> list[AnnotatedStory]:
    """Nursery stories that fill a row (nearly all do).

    Those that say their place a second time come first: few do, and what heads give to a word that
    is said again can only be measured there.
    """
    candidates = _nursery(CANDIDATES * count, seed)
    stories = (annotate(story, checkpoint.tokenizer) for story in candidates)
    long = [story for story in stories if len(story.tokens) >= length]
    again = [len(story.where(Role.PLACE)) > 1 for story in long]
    order = sorted(range(len(long)), key=lambda at: not again[at])
    return [long[at] for at in order[:count]]


@cache
def _nursery(count: int, seed: int) -> tuple[NurseryStory, ...]:
    """The same for every checkpoint, and slower to write than to read."""
    return tuple(nursery.stories(count, seed=seed))


def _repeats(
    vocabulary: Int64[np.ndarray, "token"], count: int, length: int, end: int, seed: int
) -> Int64[np.ndarray, "row pos"]:
    """END, then random tokens of the stories that repeat until the row is full.

    The periods differ from row to row (a sixth to a third of the row), so that no fixed distance
    leads to the copy. No token stands twice in a period, so the nearest repeat is a period away.
    """
    draw = np.random.default_rng(seed)
    rows = []
    for row in range(count):
        period = max(3, length // 6 + row * (length // 6) // max(count - 1, 1))
        chosen = draw.permutation(vocabulary)[:period]
        rows.append([end, *np.resize(chosen, length - 1)])
    return np.array(rows, dtype=np.int64).reshape(count, length)


def _again(tokens: Int64[np.ndarray, "row pos"]) -> Bool[np.ndarray, "row query key"]:
    """Earlier places of the same token, at least two back (one back is the previous token)."""
    pos = np.arange(tokens.shape[1])
    back = pos[:, None] - pos[None, :]
    return np.asarray((tokens[:, :, None] == tokens[:, None, :]) & (back >= 2) & (pos >= 1))


def _after(again: Bool[np.ndarray, "row query key"]) -> Bool[np.ndarray, "row query key"]:
    """The places just after earlier places of the same token."""
    after = np.zeros_like(again)
    after[:, :, 1:] = again[:, :, :-1]
    return after


def _meant(
    checkpoint: Checkpoint, story: AnnotatedStory, kind: Kind, length: int
) -> tuple[Bool[np.ndarray, "query key"], Bool[np.ndarray, "query key"], Bool[np.ndarray, "pos"]]:
    """Targets, what else might have been looked at, and what is served, of a kind by meaning.

    A query is asked where it has something to choose from: a target and another word, both before it.
    Served are the positions before a word of this kind is said again.
    """
    looked_at, might_be, said = _MEANT[kind]
    roles, begins = story.roles[:length], np.array(story.begins[:length])
    named = _capital(checkpoint, story)[:length] | (kind != Kind.NAMES)
    target = np.array([role in looked_at for role in roles]) & named
    pool = np.array([role in might_be for role in roles])
    saying = np.array([role in said for role in roles]) & named & begins
    pos = np.arange(length)
    before = (pos[None, :] < pos[:, None]) & (pos >= 1)
    targets, pools = before & target, before & pool
    asked = (targets.any(1) & pools.any(1))[:, None]
    again = saying & targets.any(1)
    return targets & asked, pools & asked, np.append(again[1:], False)


def _capital(checkpoint: Checkpoint, story: AnnotatedStory) -> Bool[np.ndarray, "pos"]:
    """Whether each token belongs to a word that is written with a capital."""
    capital, found = False, []
    pieces: Sequence[str] = checkpoint.tokenizer.pieces(story.tokens)
    for piece, begins in zip(pieces, story.begins, strict=True):
        capital = piece.strip()[:1].isupper() if begins else capital
        found.append(capital)
    return np.array(found)


def _per_query(
    targets: Bool[np.ndarray, "row kind query key"],
) -> Float32[np.ndarray, "row kind query key"]:
    """Weights that give the attention on the targets, averaged over the queries that have one."""
    asked = targets.any(-1).sum(-1)[:, :, None, None]
    return (targets / np.maximum(asked, 1)).astype(np.float32)


def _among(
    targets: Bool[np.ndarray, "row kind query key"], pools: Bool[np.ndarray, "row kind query key"]
) -> Float32[np.ndarray, "row kind query key"]:
    """`_per_query`, with each query's targets shuffled among themselves and its pool."""
    either = targets | pools
    share = targets.sum(-1, keepdims=True) / np.maximum(either.sum(-1, keepdims=True), 1)
    asked = targets.any(-1).sum(-1)[:, :, None, None]
    return (either * share / np.maximum(asked, 1)).astype(np.float32)


def _by_neighbours(
    targets: Bool[np.ndarray, "row kind query key"],
) -> Float32[np.ndarray, "row kind query key"]:
    """`_per_query`, with each target looked at from one before and one after its query instead.

    A neighbour whose own target the key is, or that cannot see it, is left out.
    """
    pos = np.arange(targets.shape[-1])
    below = np.zeros_like(targets)  # the key as the token after the query sees it
    above = np.zeros_like(targets)
    below[:, :, :-1] = ~targets[:, :, 1:]
    above[:, :, 1:] = ~targets[:, :, :-1]
    below &= targets & (pos[:, None] < pos[-1])
    above &= targets & (pos[None, :] < pos[:, None] - 1)
    each = _per_query(targets) / np.maximum(below.astype(np.int8) + above, 1)
    moved = np.zeros(targets.shape, dtype=np.float32)
    moved[:, :, 1:] += (each * below)[:, :, :-1]
    moved[:, :, :-1] += (each * above)[:, :, 1:]
    return moved
