"""Overlap of endings with the true ending, with each other and with the corpus.

The four measures are those of the TinyStories paper (section 4.3 there).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
from jaxtyping import UInt8

from slm.json_values import json_value
from slm.memorization.endings import Ending
from slm.memorization.rouge import f_measure, grams, precision, words
from slm.memorization.suffix_index import Copy, CopyIndex, copies
from slm.memorization.templates import Template, most_alike, near_duplicates
from slm.stats.bootstrap import mean_of_known

KS = tuple(range(1, 9))
SHORTEST_COPY = 8
"""Words of a copy that is worth showing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Measures:
    """Overlap of endings with the true ones, with each other and with the corpus; an item an ending.

    `rouge_precision[k]` is (a), Rouge-k precision against the true ending; `max_rouge2_f` (b), the
    largest Rouge-2 f-measure to another ending here; `ngram_overlap[k]` (c), the share of the ending's
    k-grams that stand in the corpus; `max_rouge2_precision` (d), the largest Rouge-2 precision against
    any one story of the corpus; `longest` the words of the longest copy. None where an ending is too
    short to say.
    `templates` are the stories most like each ending, names and places masked.
    """

    rouge_precision: dict[int, list[float | None]]
    max_rouge2_f: list[float | None]
    ngram_overlap: dict[int, list[float | None]]
    max_rouge2_precision: list[float | None]
    longest: list[int]
    copies: list[list[Copy]]
    templates: list[Template | None]

    def to_json(self) -> dict[str, Any]:
        """Return the mean of each measure with its interval, and the number of template copies."""
        return {
            "rouge_precision": mean_by_k(self.rouge_precision),
            "max_rouge2_f": json_value(mean_of_known(self.max_rouge2_f)),
            "ngram_overlap": mean_by_k(self.ngram_overlap),
            "max_rouge2_precision": json_value(mean_of_known(self.max_rouge2_precision)),
            "longest": json_value(mean_of_known(self.longest)),
            "template_copies": sum(near_duplicates(self.templates)),
        }


def mean_by_k(values: Mapping[int, Sequence[float | None]]) -> dict[str, Any]:
    """Return, for each k, the mean over endings with its interval, as plain values."""
    return {str(k): json_value(mean_of_known(values[k])) for k in KS}


def measure(endings: Sequence[Ending], index: CopyIndex, masked: CopyIndex) -> Measures:
    """Take all measures against a corpus: its index of words as they are, and of masked ones."""
    texts = [ending.words for ending in endings]
    matches = [index.matches(text) for text in texts]
    found = [copies(match, SHORTEST_COPY) for match in matches]
    return Measures(
        rouge_precision={
            k: [
                precision(text, ending.true_words, k)
                for text, ending in zip(texts, endings, strict=True)
            ]
            for k in KS
        },
        max_rouge2_f=[
            max(
                (f for j, other in enumerate(texts) if i != j and (f := f_measure(text, other, 2))),
                default=0.0,
            )
            for i, text in enumerate(texts)
        ],
        ngram_overlap={k: [_overlap(match, k) for match in matches] for k in KS},
        max_rouge2_precision=_most_of_one_story(texts, index),
        longest=[max(map(len, match), default=0) for match in matches],
        copies=found,
        templates=[most_alike(ending.text, masked) for ending in endings],
    )


def _overlap(matches: Sequence[Copy], k: int) -> float | None:
    """Compute the share of a text's k-grams that occur in the corpus; None of fewer than k words."""
    there = [len(match) >= k for match in matches[: max(0, len(matches) - k + 1)]]
    return fmean(there) if there else None


def _most_of_one_story(texts: Sequence[Sequence[str]], index: CopyIndex) -> list[float | None]:
    """Compute each text's largest Rouge-2 precision against any one story of the corpus.

    A bigram that a text has twice is two things to be found: the bigram, and the bigram again. So a
    story's overlap with every text is the sum of some rows of one table, and the whole corpus is read
    once.
    """
    rows: dict[tuple[tuple[str, ...], int], int] = {}
    for text in texts:
        for gram, times in grams(text, 2).items():
            for again in range(times):
                rows.setdefault((gram, again), len(rows))
    table: UInt8[np.ndarray, "row text"] = np.zeros((len(rows), len(texts)), dtype=np.uint8)
    for column, text in enumerate(texts):
        for gram, times in grams(text, 2).items():
            table[[rows[gram, again] for again in range(times)], column] = 1
    best = np.zeros(len(texts), dtype=np.int64)
    for story in index.stories():
        found = grams([word.text for word in words(story)], 2)
        there = [
            row
            for gram, times in found.items()
            for again in range(times)
            if (row := rows.get((gram, again))) is not None
        ]
        if there:
            np.maximum(best, table[there].sum(0, dtype=np.int64), out=best)
    totals = table.sum(0, dtype=np.int64)
    return [int(b) / int(t) if t else None for b, t in zip(best, totals, strict=True)]
