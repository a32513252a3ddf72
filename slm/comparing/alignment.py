"""Alignment of two tokenizations of a text.

Two models may cut a text differently. It is cut again, where tokens of *both* end: each stretch holds
whole tokens of either model, so that what they cost is added up and never divided. The rule for two
byte-level tokenizers that learned different vocabularies: a stretch is a word at most. With the same
tokenizer a stretch is a token, but for letters that take several tokens, which are one stretch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float64, Int64

from slm.stories.tokenizer import END, Tokenizer


@dataclass(frozen=True, kw_only=True, eq=False)
class Alignment:
    """A text cut into stretches; `of_a[i]` is the stretch that token i of model A lies in.

    Token 0 is END, which opens a story and is stretch 0, so that `of_a` goes with `encode_story`.
    `str_tokens[stretch]` is the text there; `str_tokens[0]` is END.
    """

    str_tokens: tuple[str, ...]
    of_a: Int64[np.ndarray, "token_a"]
    of_b: Int64[np.ndarray, "token_b"]

    def __len__(self) -> int:
        """Count the stretches, END's among them."""
        return len(self.str_tokens)


def align(text: str, a: Tokenizer, b: Tokenizer) -> Alignment:
    """Cut `text` where tokens of both models end."""
    spans_a, spans_b = a.offsets(text), b.offsets(text)
    inside = _inside(spans_a, len(text)) | _inside(spans_b, len(text))
    cuts = np.flatnonzero(~inside)
    return Alignment(
        str_tokens=(END, *(text[first:last] for first, last in pairwise(cuts))),
        of_a=_stretches(spans_a, cuts),
        of_b=_stretches(spans_b, cuts),
    )


def total(
    values: Float64[np.ndarray, "token"], of: Int64[np.ndarray, "token"], stretches: int
) -> Float64[np.ndarray, "stretch"]:
    """Sum per-token values within each stretch."""
    return np.bincount(of, weights=values, minlength=stretches)


def averaging(
    of: Int64[np.ndarray, "token"], stretches: int
) -> Float64[np.ndarray, "stretch token"]:
    """Return the matrix that averages over the tokens of each stretch."""
    rows = np.zeros((stretches, len(of)))
    rows[of, np.arange(len(of))] = 1.0
    counts = rows.sum(1, keepdims=True)
    return np.divide(rows, counts, out=rows, where=counts > 0)


def one_each(of: Int64[np.ndarray, "token"], stretches: int) -> bool:
    """Return whether every stretch is one token, so that nothing needs averaging."""
    return len(of) == stretches and bool((of == np.arange(stretches)).all())


def _inside(spans: Sequence[tuple[int, int]], length: int) -> Bool[np.ndarray, "place"]:
    """Return whether the boundary before each character (or after the last) lies inside a token."""
    inside = np.zeros(length + 1, dtype=bool)
    for first, last in spans:
        inside[first + 1 : last] = True
    return inside


def _stretches(
    spans: Sequence[tuple[int, int]], cuts: Int64[np.ndarray, "cut"]
) -> Int64[np.ndarray, "token"]:
    """Map tokens to stretches: END to stretch 0, the rest by where they begin."""
    begins = np.array([first for first, _ in spans], dtype=np.int64)
    last = max(len(cuts) - 1, 0)
    return np.append(0, np.clip(np.searchsorted(cuts, begins, side="right"), 0, last))
