"""Attention between words: which tokens are query words and key words, and how much one gives the other."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from slm.stories.nursery import NurseryStory, Role
from slm.stories.tokenizer import Tokenizer

QUERIES = ("the", "a", "names", "full stop")
KEYS = ("banana", "park", "Tom", "Lucy")
"""The key words of the text."""
_NAMES = (Role.HERO_FIRST, Role.HERO, Role.OTHER_FIRST, Role.OTHER)
ROLES: dict[str, tuple[Role, ...]] = {
    "object": (Role.OBJECT,),
    "place": (Role.PLACE,),
    "protagonist": (Role.HERO_FIRST, Role.HERO),
    "other character": (Role.OTHER_FIRST, Role.OTHER),
}
"""What stands for the key words in nursery stories."""


def attention_between(
    pattern: Float[np.ndarray, "*head query key"],
    queries: Bool[np.ndarray, "pos"],
    keys: Bool[np.ndarray, "pos"],
) -> Float[np.ndarray, "*head"]:
    """Sum each query's attention to all keys before it; the mean over queries after a key, or NaN."""
    before = np.tri(len(keys), k=-1, dtype=bool) & keys
    asked = queries & before.any(-1)
    if not asked.any():
        return np.full(pattern.shape[:-2], np.nan)
    return np.asarray((pattern * before).sum(-1)[..., asked].mean(-1))


def attention_shuffled(
    pattern: Float[np.ndarray, "*head query key"],
    queries: Bool[np.ndarray, "pos"],
    keys: Bool[np.ndarray, "pos"],
    places: Bool[np.ndarray, "pos"],
) -> Float[np.ndarray, "*head"]:
    """Compute `attention_between` with each query's keys dealt anew among all `places` before it.

    It is the mean over all deals: a query gives each place as much as it gives one on average.
    """
    before, earlier = np.tri(len(keys), k=-1, dtype=bool) & places, keys & places
    count = (before & earlier).sum(-1)
    asked = queries & (count > 0)
    if not asked.any():
        return np.full(pattern.shape[:-2], np.nan)
    share = count[asked] / before.sum(-1)[asked]
    return np.asarray(((pattern * before).sum(-1)[..., asked] * share).mean(-1))


@dataclass(frozen=True, kw_only=True, eq=False)
class WordPositions:
    """Which tokens are query words and key words, by name; `places` are the tokens of all words."""

    queries: Mapping[str, Bool[np.ndarray, "pos"]]
    keys: Mapping[str, Bool[np.ndarray, "pos"]]
    places: Bool[np.ndarray, "pos"]

    def matrices(
        self, pattern: Float[np.ndarray, "head query key"]
    ) -> tuple[Float[np.ndarray, "query_word key_word"], Float[np.ndarray, "query_word key_word"]]:
        """Average over heads the attention between each pair of words, and that at shuffled places."""
        pairs = [[(q, k) for k in self.keys.values()] for q in self.queries.values()]
        found = [[attention_between(pattern, *pair).mean() for pair in row] for row in pairs]
        shuffled = [
            [attention_shuffled(pattern, *pair, self.places).mean() for pair in row]
            for row in pairs
        ]
        return np.array(found), np.array(shuffled)

    def cut(self, length: int) -> "WordPositions":
        """Take the positions in the first tokens of the text."""
        return WordPositions(
            queries={name: mask[:length] for name, mask in self.queries.items()},
            keys={name: mask[:length] for name, mask in self.keys.items()},
            places=self.places[:length],
        )


def words_in_text(tokenizer: Tokenizer, text: str) -> WordPositions:
    """Find the paper's words in a text: `QUERIES` and `KEYS`."""

    def of(pattern: str, *, ends: bool = False) -> Bool[np.ndarray, "pos"]:
        spans = (found.span() for found in re.finditer(pattern, text))
        return _tokens_of(tokenizer, text, spans, ends=ends)

    return WordPositions(
        queries={
            "the": of(r"\b[Tt]he\b", ends=True),
            "a": of(r"\b[Aa]\b", ends=True),
            "names": of(r"\b(?:Tom|Lucy)\b", ends=True),
            "full stop": of(r"\.", ends=True),
        },
        keys={word: of(rf"\b{word}\b") for word in KEYS},
        places=of(r"\w+"),
    )


def words_in_story(tokenizer: Tokenizer, story: NurseryStory) -> WordPositions:
    """Find the same queries in a nursery story, and its words of `ROLES` as keys."""
    text = story.text
    named = [one for one in story.spans if one.role in _NAMES and text[one.start].isupper()]

    def of(spans: Iterable[tuple[int, int]], *, ends: bool = False) -> Bool[np.ndarray, "pos"]:
        return _tokens_of(tokenizer, text, spans, ends=ends)

    def matched(pattern: str) -> Bool[np.ndarray, "pos"]:
        return of((found.span() for found in re.finditer(pattern, text)), ends=True)

    return WordPositions(
        queries={
            "the": matched(r"\b[Tt]he\b"),
            "a": matched(r"\b[Aa]\b"),
            "names": of(((one.start, one.end) for one in named), ends=True),
            "full stop": matched(r"\."),
        },
        keys={
            name: of((one.start, one.end) for one in story.spans if one.role in roles)
            for name, roles in ROLES.items()
        },
        places=of((one.start, one.end) for one in story.spans),
    )


def _tokens_of(
    tokenizer: Tokenizer, text: str, spans: Iterable[tuple[int, int]], *, ends: bool
) -> Bool[np.ndarray, "pos"]:
    """Mark the tokens of these stretches of a text (of each only its last, with `ends`); END is none."""
    offsets = np.array(tokenizer.offsets(text)).reshape(-1, 2)
    found = np.zeros(len(offsets) + 1, dtype=bool)
    for first, last in spans:
        there = np.flatnonzero((offsets[:, 0] < last) & (offsets[:, 1] > first))
        found[1 + (there[-1:] if ends else there)] = True
    return found
