"""Attention from query words to key words beside shuffled places: the paper's Figures 6 to 8.

The paper's model has one layer. It shows one text, whose heads attend to a distance or to a meaning: in
some, "the" and "a" attend to "banana" or "park". A mean over heads and stories, with a control, says how
much of that there is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from slm.errors import BadInput
from slm.generation.fitting import story_that_fits
from slm.interp.attention import AttentionView, attention
from slm.interp.heads.scores import EFFECT, HeadScores
from slm.interp.heads.targets import HeadLabel
from slm.interp.heads.word_attention import KEYS, QUERIES, ROLES, words_in_story, words_in_text
from slm.model import functional
from slm.progress import Progress, Steps
from slm.runs import Checkpoint
from slm.stats.bootstrap import bootstrap_ratio
from slm.stats.interval import Intervals
from slm.stories import nursery, shipped

STORIES = 300
"""Nursery stories over which the same is measured."""
DISTANCE = (HeadLabel.PREVIOUS, HeadLabel.DISTANCE, HeadLabel.CURRENT)
MEANING = (HeadLabel.NAMES, HeadLabel.HERO, HeadLabel.OBJECT, HeadLabel.PLACE)
Head = tuple[int, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class QueryKeys:
    """A text's heads by the distance they look back, and the attention between words in it.

    `mean_distance` is the mean distance of a query to its keys, weighted by attention, the first token
    left out. The matrices [query key] are means over `averaged`: the heads that clearly look by meaning,
    or, where there are none, those that do not clearly look by distance.
    """

    view: AttentionView
    scores: HeadScores
    mean_distance: Float[np.ndarray, "layer head"]
    found: Float[np.ndarray, "query key"]
    shuffled: Float[np.ndarray, "query key"]
    averaged: tuple[Head, ...]
    queries: tuple[str, ...] = QUERIES
    keys: tuple[str, ...] = KEYS

    @property
    def heads(self) -> tuple[Head, ...]:
        """All heads, the nearest first."""
        order = np.argsort(self.mean_distance, axis=None, kind="stable")
        return tuple(
            (int(a), int(b))
            for a, b in zip(*np.unravel_index(order, self.mean_distance.shape), strict=True)
        )

    @cached_property
    def by_distance(self) -> dict[Head, int]:
        """The distance heads, with their distances."""
        return by_distance(self.scores)

    @property
    def by_meaning(self) -> tuple[Head, ...]:
        """The semantic heads."""
        return _significant(self.scores, MEANING)

    def nearest_meaning(self) -> tuple[Head, str, float, float]:
        """Return (head, kind, score, baseline) of the semantic score furthest above its baseline."""
        at = [self.scores.kinds.index(kind) for kind in MEANING]
        above = np.nan_to_num(self.scores.difference.mean[..., at], nan=-1.0)
        layer, head, kind = (int(one) for one in np.unravel_index(above.argmax(), above.shape))
        place = layer, head, at[kind]
        score, baseline = (
            float(part.mean[place]) for part in (self.scores.score, self.scores.baseline)
        )
        return (layer, head), MEANING[kind], score, baseline

    def to_json(self) -> dict[str, Any]:
        """Return plain values; NaN where the text has no such query, which is written as null."""
        return {
            "address": str(self.view.address),
            "str_tokens": list(self.view.str_tokens),
            "heads": [
                {
                    "layer": layer,
                    "head": head,
                    "mean_distance": round(float(self.mean_distance[layer, head]), 3),
                    "distance": self.by_distance.get((layer, head)),
                    "by_meaning": (layer, head) in self.by_meaning,
                }
                for layer, head in self.heads
            ],
            "rule": f"a head looks by distance or meaning from {EFFECT} of attention above its control on, "
            "the 95 % interval above 0",
            "averaged_heads": [f"{layer}.{head}" for layer, head in self.averaged],
            "queries": list(self.queries),
            "keys": list(self.keys),
            "attention": self.found.round(5).tolist(),
            "shuffled": self.shuffled.round(5).tolist(),
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class StoryQueryKeys:
    """The same matrices over stories, and their difference; intervals over stories, [query key]."""

    averaged: tuple[Head, ...]
    stories: int
    found: Intervals
    shuffled: Intervals
    difference: Intervals
    queries: tuple[str, ...] = QUERIES
    keys: tuple[str, ...] = tuple(ROLES)

    def to_json(self) -> dict[str, Any]:
        """Return plain values: mean, low and high of each cell; NaN where no story has such a query."""
        return {
            "stories": self.stories,
            "averaged_heads": [f"{layer}.{head}" for layer, head in self.averaged],
            "queries": list(self.queries),
            "keys": list(self.keys),
        } | {
            name: np.stack([part.mean, part.low, part.high], -1).round(5).tolist()
            for name, part in (
                ("attention", self.found),
                ("shuffled", self.shuffled),
                ("difference", self.difference),
            )
        }


def by_distance(scores: HeadScores) -> dict[Head, int]:
    """Return the heads with a significant distance score, each with its distance.

    Of several distances, the one whose score is furthest above its control.
    """
    at = [scores.kinds.index(kind) for kind in DISTANCE]
    best = np.nan_to_num(scores.difference.mean[..., at]).argmax(-1)
    return {
        head: {HeadLabel.PREVIOUS: 1, HeadLabel.CURRENT: 0}.get(
            DISTANCE[best[head]], int(scores.distance[head])
        )
        for head in _significant(scores, DISTANCE)
    }


def averaged_heads(scores: HeadScores) -> tuple[Head, ...]:
    """Return the semantic heads; where there are none, those that are no distance heads; else all."""
    far = by_distance(scores)
    every = tuple((int(layer), int(head)) for layer, head in np.ndindex(scores.distance.shape))
    return _significant(scores, MEANING) or tuple(one for one in every if one not in far) or every


def _significant(scores: HeadScores, kinds: Iterable[str]) -> tuple[Head, ...]:
    at = [scores.kinds.index(kind) for kind in kinds]
    return tuple((int(a), int(b)) for a, b in np.argwhere(scores.is_significant()[..., at].any(-1)))


def query_keys(checkpoint: Checkpoint, scores: HeadScores) -> QueryKeys:
    """Read the text of the paper's figures, as ours tells it, with every head.

    `scores` are of nursery stories. Raises `BadInput` where the context holds no text.
    """
    text = story_that_fits([checkpoint], shipped.stories()[0].text).text
    view = attention(checkpoint, text)
    heads = averaged_heads(scores)
    words = words_in_text(checkpoint.tokenizer, text)
    found, shuffled = words.matrices(view.pattern[tuple(zip(*heads, strict=True))])
    return QueryKeys(
        view=view,
        scores=scores,
        mean_distance=mean_distance(view.pattern),
        found=found,
        shuffled=shuffled,
        averaged=heads,
    )


def mean_distance(pattern: Float[np.ndarray, "*head query key"]) -> Float[np.ndarray, "*head"]:
    """Compute the mean distance of attention, the first token left out."""
    pos = np.arange(pattern.shape[-1])
    seen = pattern[..., 2:, 1:]
    return np.asarray((seen * (pos[2:, None] - pos[None, 1:])).sum((-1, -2)) / seen.sum((-1, -2)))


@torch.no_grad()
def query_keys_in_stories(
    checkpoint: Checkpoint, heads: tuple[Head, ...], *, stories: int = STORIES
) -> Steps[StoryQueryKeys]:
    """Average the attention between words over nursery stories, as far as the context reads them.

    Raises `BadInput` for fewer than one story.
    """
    if stories < 1:
        raise BadInput(f"attention between words is measured on at least one story, not {stories}")
    per_story: list[tuple[np.ndarray, np.ndarray]] = []
    layers = sorted({layer for layer, _ in heads})
    yield Progress(doing="writing nursery stories", share=0.0)
    for story in nursery.stories(stories, seed=0):
        tokens = checkpoint.tokenizer.encode_story(story.text)[: checkpoint.config.n_ctx]
        words = words_in_story(checkpoint.tokenizer, story)
        cache = functional.ActivationCache(f"blocks.{one}.attn.hook_pattern" for one in layers)
        functional.hidden(checkpoint.weights, torch.tensor([tokens]), hook=cache)
        pattern = np.stack(
            [cache[f"blocks.{layer}.attn.hook_pattern"][0, head].numpy() for layer, head in heads]
        )
        per_story.append(words.cut(len(tokens)).matrices(pattern))
        done = len(per_story)
        yield Progress(doing=f"story {done} of {stories}", share=done / stories)
    found, shuffled = (np.stack(part) for part in zip(*per_story, strict=True))
    there = ~np.isnan(found) & ~np.isnan(shuffled)

    def mean(values: np.ndarray) -> Intervals:
        return bootstrap_ratio(np.where(there, values, 0.0), there.astype(float))

    return StoryQueryKeys(
        averaged=heads,
        stories=len(per_story),
        found=mean(found),
        shuffled=mean(shuffled),
        difference=mean(found - shuffled),
    )
