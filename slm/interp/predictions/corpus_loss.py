"""Loss of a model on each story of a sample, and the words that cost it most."""

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from slm.model.loss import story_nats
from slm.progress import Progress, Steps
from slm.runs import Checkpoint
from slm.stats.bootstrap import bootstrap_mean, bootstrap_ratio
from slm.stats.interval import Interval
from slm.stories.tokenizer import END

SAMPLE = 100
"""Stories whose loss is computed where nothing else is said."""
AT_ONCE = 16
WORDS = 200
LEAST_STORIES = 2
"""A word that stands in fewer stories has no interval, and is left out."""

_WORDS = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*|[^\w\s]+")

_BYTE = re.compile(r"\\x([0-9a-f]{2})")


@dataclass(frozen=True, kw_only=True)
class StoryCost:
    """A story's loss: `nats` over its `tokens`, the end of the story among them, and `bytes` of text."""

    number: int
    tokens: int
    bytes: int
    nats: float

    @property
    def bits_per_byte(self) -> float:
        """Return bits per byte, which compares models of different tokenizers."""
        return self.nats / math.log(2) / max(1, self.bytes)


@dataclass(frozen=True, kw_only=True)
class WordCost:
    """What a word costs: nats each time with a bootstrap over stories, and its share of all nats."""

    word: str
    count: int
    nats: Interval
    share: float


@dataclass(frozen=True, kw_only=True)
class CorpusLoss:
    """A model's loss on some stories, in their order, and the words with the largest share of it."""

    address: str
    bits_per_byte: Interval
    nats_per_token: Interval
    stories: tuple[StoryCost, ...]
    words: tuple[WordCost, ...]

    @property
    def hardest(self) -> list[StoryCost]:
        """The stories by bits per byte, the hardest first."""
        return sorted(self.stories, key=lambda one: (-one.bits_per_byte, one.number))

    def to_json(self) -> dict[str, Any]:
        """Return what the page saves and the command prints."""
        return {
            "address": self.address,
            "bits_per_byte": self.bits_per_byte.to_json(),
            "nats_per_token": self.nats_per_token.to_json(),
            "stories": [{**vars(one), "bits_per_byte": one.bits_per_byte} for one in self.stories],
            "words": [
                {
                    "word": one.word,
                    "count": one.count,
                    "nats": one.nats.to_json(),
                    "share": one.share,
                }
                for one in self.words
            ],
        }


def losses_json(corpus: str, found: Sequence[CorpusLoss]) -> dict[str, Any]:
    """Return what the page saves and the command prints of several models."""
    return {"corpus": corpus, "models": [one.to_json() for one in found]}


def story_json(corpus: str, number: int, text: str, models: Sequence[Checkpoint]) -> dict[str, Any]:
    """Return one story with each model's tokens: id, bytes in hexadecimal, text and surprisal (nats)."""
    return {
        "corpus": corpus,
        "story": number,
        "text": text,
        "models": [
            {"address": str(model.address), "tokens": _tokens_json(model, text)} for model in models
        ],
    }


def _tokens_json(model: Checkpoint, text: str) -> list[dict[str, Any]]:
    ids = model.tokenizer.encode_story(text)
    nats = [None, *token_nats(model, text)[:-1].tolist()]
    return [
        {"id": index, "token": token, "bytes": token_bytes(token), "nats": cost}
        for index, token, cost in zip(ids, model.tokenizer.to_str_tokens(ids), nats, strict=True)
    ]


def token_bytes(str_token: str) -> str:
    """Return a token's UTF-8 bytes in hexadecimal; of part of a character those it shows as `\\xe2`."""
    if str_token == END:
        return ""
    parts = _BYTE.split(str_token)
    found = [part if at % 2 else part.encode().hex(" ") for at, part in enumerate(parts)]
    return " ".join(filter(None, found))


def token_nats(checkpoint: Checkpoint, text: str) -> Float64[np.ndarray, "pos"]:
    """Compute the surprisal in nats of each token of a story from its first word on, its end last."""
    tokenizer = checkpoint.tokenizer
    return story_nats(checkpoint.weights, tokenizer, [tokenizer.encode_story(text)])[0]


def corpus_loss(checkpoint: Checkpoint, stories: Sequence[str]) -> Steps[CorpusLoss]:
    """Compute the loss of each story, yielding progress.

    A token counts for the word in which its last character stands; white space and the story's end
    count for no word. Raises `BadInput` for a text that the tokenizer cannot read.
    """
    tokenizer = checkpoint.tokenizer
    costs: list[StoryCost] = []
    of_word: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for first in range(0, len(stories), AT_ONCE):
        doing = f"{checkpoint.address} reads story {first + 1:,} of {len(stories):,}"
        yield Progress(doing=doing, share=first / len(stories))
        some = stories[first : first + AT_ONCE]
        ids = [tokenizer.encode_story(text) for text in some]
        every = story_nats(checkpoint.weights, tokenizer, ids)
        for number, (text, nats) in enumerate(zip(some, every, strict=True), first):
            costs.append(
                StoryCost(
                    number=number,
                    tokens=len(nats),
                    bytes=len(text.encode()),
                    nats=float(nats.sum()),
                )
            )
            for word, cost in _by_word(text, tokenizer.offsets(text), nats):
                of_word[word].append((number, cost))
    nats = np.asarray([one.nats for one in costs])
    bits = bootstrap_ratio(nats / math.log(2), np.asarray([float(one.bytes) for one in costs]))
    mean = bootstrap_ratio(nats, np.asarray([float(one.tokens) for one in costs]))
    return CorpusLoss(
        address=str(checkpoint.address),
        bits_per_byte=bits.at((), len(costs)),
        nats_per_token=mean.at((), len(costs)),
        stories=tuple(costs),
        words=_costliest(of_word, float(nats.sum())),
    )


def _by_word(
    text: str, offsets: Sequence[tuple[int, int]], nats: Float64[np.ndarray, "pos"]
) -> list[tuple[str, float]]:
    """Sum the nats of each word's tokens; `nats[i]` is that of the token at `offsets[i]`."""
    found = list(_WORDS.finditer(text))
    costs, at = [0.0] * len(found), 0
    for (_, stop), cost in zip(offsets, nats, strict=False):
        last = stop - 1
        while at < len(found) and found[at].end() <= last:
            at += 1
        if at < len(found) and found[at].start() <= last:
            costs[at] += float(cost)
    return [(match[0].lower(), cost) for match, cost in zip(found, costs, strict=True)]


def _costliest(of_word: dict[str, list[tuple[int, float]]], total: float) -> tuple[WordCost, ...]:
    sums = {word: sum(cost for _, cost in found) for word, found in of_word.items()}
    ranked = sorted(sums, key=lambda word: (-sums[word], word))
    found: list[WordCost] = []
    for word in ranked:
        numbers, costs = zip(*of_word[word], strict=True)
        if len(set(numbers)) < LEAST_STORIES:
            continue
        found.append(
            WordCost(
                word=word,
                count=len(costs),
                nats=bootstrap_mean(costs, clusters=numbers),
                share=sums[word] / total if total else 0.0,
            )
        )
        if len(found) == WORDS:
            break
    return tuple(found)
