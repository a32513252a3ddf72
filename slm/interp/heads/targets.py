"""Targets of head labels: the keys that a label claims, and what they are compared with.

A label such as "induction" is a set of targets: for every token that looks, the earlier tokens that a
head of this kind would look at. `head_rows` says what they are in stories.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from jaxtyping import Bool, Float32, Int64

DISTANCES = 64
"""How far back the profile by distance goes."""
OTHER_ROWS = 4  # rows whose targets make the baseline "the same places"


class HeadLabel(StrEnum):
    """The kinds of labels that a head may get."""

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


BY_PLACE = (HeadLabel.PREVIOUS, HeadLabel.DISTANCE, HeadLabel.CURRENT, HeadLabel.FIRST)
"""Kinds whose targets depend on how far away they stand, not on what stands there."""
BY_TOKEN = (HeadLabel.DUPLICATE, HeadLabel.INDUCTION, HeadLabel.INDUCTION_STORIES)
"""Kinds whose targets depend on which tokens are the same."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """What heads are shown: `stories` rows of stories from `corpus`, then rows of random tokens.

    `kinds` are those whose targets depend on what stands there: by token, then by meaning.
    `targets[row, kind, query, key]` says what a head of that kind looks at; a query without a target
    is not asked. `distractors` are the like words that were not meant, for kinds by meaning.
    `predicted_positions[row, kind, pos]` marks the positions whose prediction the label claims to help.
    """

    corpus: str
    kinds: tuple[str, ...]
    stories: int
    tokens: Int64[np.ndarray, "row pos"]
    targets: Bool[np.ndarray, "row kind query key"]
    distractors: Bool[np.ndarray, "row kind query key"]
    predicted_positions: Bool[np.ndarray, "row kind pos"]

    @property
    def asked(self) -> Bool[np.ndarray, "row kind"]:
        """Whether a row has any target of a kind."""
        return np.asarray(self.targets.any((2, 3)))

    def weights(self, rows: slice) -> Float32[np.ndarray, "row column query key"]:
        """Return the weights of a pattern's sum: for each kind its score, then its two nulls.

        The score is the attention on the targets, averaged over the queries that have one. Both nulls
        keep the attention and move the targets: exact means over all moves, no draws. The first, "the
        same places", uses the targets of other rows, so that a head that attends by position gets as
        much. The second depends on the kind. For duplicates and induction, "the neighbours": the same
        keys for the tokens just before and after the query. For meanings, "what might have been": the
        targets shuffled among themselves and the distractors: names among all nouns, the protagonist
        among all characters, object and place among the other nouns, a word class among all words.
        """
        own = _per_query(self.targets[rows])
        places = np.mean([_per_query(self.targets[at]) for at in self._other_rows(rows)], 0)
        looked = np.where(
            self.distractors[rows].any((2, 3), keepdims=True),
            _among(self.targets[rows], self.distractors[rows]),
            _by_neighbours(self.targets[rows]),
        )
        columns = np.concatenate([own, places.astype(np.float32), looked], axis=1)
        return columns.astype(np.float32)

    def _other_rows(self, rows: slice) -> list[Int64[np.ndarray, "row"]]:
        """Return, several times over, another row of the same sort for each of `rows`, far from it."""
        at = np.arange(len(self.tokens))[rows]
        told, random = self.stories, len(self.tokens) - self.stories

        def others(number: Int64[np.ndarray, "row"], count: int, turn: int) -> np.ndarray:
            step = max(1, count // (OTHER_ROWS + 1))
            return np.asarray((number + turn * step) % max(count, 1))

        return [
            np.where(at < told, others(at, told, turn), told + others(at - told, random, turn))
            for turn in range(1, OTHER_ROWS + 1)
        ]


def _per_query(
    targets: Bool[np.ndarray, "row kind query key"],
) -> Float32[np.ndarray, "row kind query key"]:
    """Return the weights that average the attention on targets over the queries that have one."""
    asked = targets.any(-1).sum(-1)[:, :, None, None]
    return (targets / np.maximum(asked, 1)).astype(np.float32)


def _among(
    targets: Bool[np.ndarray, "row kind query key"],
    distractors: Bool[np.ndarray, "row kind query key"],
) -> Float32[np.ndarray, "row kind query key"]:
    """Return `_per_query` with each query's targets shuffled among targets and distractors."""
    either = targets | distractors
    share = targets.sum(-1, keepdims=True) / np.maximum(either.sum(-1, keepdims=True), 1)
    asked = targets.any(-1).sum(-1)[:, :, None, None]
    return (either * share / np.maximum(asked, 1)).astype(np.float32)


def _by_neighbours(
    targets: Bool[np.ndarray, "row kind query key"],
) -> Float32[np.ndarray, "row kind query key"]:
    """Return `_per_query` with each target moved to the queries one before and one after its own.

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


def duplicate_targets(tokens: Int64[np.ndarray, "*row pos"]) -> Bool[np.ndarray, "*row query key"]:
    """Return earlier occurrences of the query's token, at least two back (one back: previous token)."""
    pos = np.arange(tokens.shape[-1])
    far = pos[:, None] - pos[None, :] >= 2
    return np.asarray((tokens[..., :, None] == tokens[..., None, :]) & far & (pos >= 1))


def induction_targets(tokens: Int64[np.ndarray, "*row pos"]) -> Bool[np.ndarray, "*row query key"]:
    """Return the positions just after earlier occurrences of the query's token."""
    again = duplicate_targets(tokens)
    after = np.zeros_like(again)
    after[..., 1:] = again[..., :-1]
    return after


def place_targets(kind: str, length: int, back: int) -> Bool[np.ndarray, "query key"]:
    """Return the targets of a kind of `BY_PLACE`; `back` is the distance of "fixed distance"."""
    pos = np.arange(length)
    if kind == HeadLabel.FIRST:
        return np.asarray(np.broadcast_to(pos == 0, (length, length)) & (pos[:, None] > 0))
    distance = {HeadLabel.PREVIOUS: 1, HeadLabel.CURRENT: 0}.get(HeadLabel(kind), back)
    return np.asarray((pos[:, None] - pos[None, :] == distance) & (pos >= 1))
