"""A comparison of two models, as one value."""

import platform
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
from jaxtyping import UInt8

from slm.comparing.curves import Curve, curves
from slm.comparing.difference import (
    LossDifference,
    Sentence,
    StoryDifference,
    WordGain,
    differences,
    differences_json,
    loss_difference,
    sentences_by_gain,
    words,
)
from slm.comparing.matching import Matching, match_heads, match_neurons
from slm.comparing.reading import ComparedStories
from slm.comparing.similarity import Similarity, similarity
from slm.interp.attention import attention
from slm.model.config import count_parameters
from slm.progress import Progress
from slm.runs import Checkpoint, open_run, resolve

MATCHED_ON = 12
"""Stories that units are matched on and layers compared on: some thousand places."""
PAINTED = 8
THUMBNAIL = 36
"""Pixels of a thumbnail's side."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Thumbnails:
    """Every head's pattern on one story, shrunk: `image[unit]` is the square root of its attention."""

    story: str
    image: UInt8[np.ndarray, "unit side side"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """A comparison of checkpoints A and B: loss, words, heads, neurons and representations."""

    a: str
    b: str
    reading: ComparedStories
    loss: LossDifference
    stories: tuple[StoryDifference, ...]
    words: tuple[WordGain, ...]
    heads: Matching
    neurons: Matching
    similarity: Similarity
    curves: tuple[Curve, ...]
    thumbnails: tuple[Thumbnails, Thumbnails]
    made: dict[str, str]

    def sentences(self) -> list[Sentence]:
        """Return the sentences of all stories by absolute gain, largest first."""
        return sentences_by_gain(self.stories)

    def by_gain(self) -> list[StoryDifference]:
        """Return the stories by absolute gain per byte, largest first."""
        return sorted(self.stories, key=lambda story: -abs(story.bits_per_byte))

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as plain values, stretch by stretch."""
        return {
            "a": self.a,
            "b": self.b,
            **differences_json(self.stories),
            "heads": self.heads.to_json(),
            "neurons": self.neurons.to_json(),
            "similarity": self.similarity.to_json(),
            "made": self.made,
        }


def compare(
    a: Checkpoint, b: Checkpoint, reading: ComparedStories, *, command: str = ""
) -> Generator[Progress, None, Comparison]:
    """Compare two checkpoints on what was read."""
    found: list[StoryDifference] = []
    for story in differences(a, b, reading.texts):
        found.append(story)
        yield Progress(doing="reading stories", share=0.4 * len(found) / len(reading.texts))
    texts = reading.texts[:MATCHED_ON]
    yield Progress(doing="matching heads", share=0.4)
    heads = match_heads(a, b, texts)
    yield Progress(doing="matching neurons", share=0.6)
    neurons = match_neurons(a, b, texts)
    yield Progress(doing="comparing layers", share=0.9)
    alike = similarity(a, b, texts)
    runs = dict.fromkeys(model.address.run for model in (a, b))
    return Comparison(
        a=str(a.address),
        b=str(b.address),
        reading=reading,
        loss=loss_difference(found),
        stories=tuple(found),
        words=tuple(words(found)),
        heads=heads,
        neurons=neurons,
        similarity=alike,
        curves=tuple(curves([open_run(run) for run in runs])),
        thumbnails=(thumbnails(a, texts[0]), thumbnails(b, texts[0])),
        made=_made(a, b, reading, command),
    )


def thumbnails(model: Checkpoint, text: str, side: int = THUMBNAIL) -> Thumbnails:
    """Shrink every head's attention on the beginning of `text` to at least a pixel per token.

    A longer text is shrunk by the maximum of each patch, and attention brightened by a square root.
    """
    spans = model.tokenizer.offsets(text)
    if len(spans) >= model.config.n_ctx:
        text = text[: spans[model.config.n_ctx - 1][0]]
    view = attention(model, text)
    pattern = view.pattern.reshape(-1, *view.pattern.shape[2:])
    edges = np.linspace(
        0, len(view.str_tokens), min(side, len(view.str_tokens)), endpoint=False
    ).astype(int)
    small = np.maximum.reduceat(np.maximum.reduceat(pattern, edges, axis=1), edges, axis=2)
    return Thumbnails(story=text, image=np.rint(np.sqrt(small.clip(0, 1)) * 255).astype(np.uint8))


def _made(a: Checkpoint, b: Checkpoint, reading: ComparedStories, command: str) -> dict[str, str]:
    models: Sequence[tuple[str, Checkpoint]] = (("A", a), ("B", b))
    made: dict[str, str] = {}
    for letter, model in models:
        run, step = resolve(model.address)
        made[letter] = (
            f"{model.address}, {model.config.shape}, {count_parameters(model.config).total:,} "
            f"parameters, weights {run.weights_hash(step)}, tokenizer {model.tokenizer.hash}"
        )
    made["stories"] = (
        f"the first {len(reading.texts)} of {reading.corpus} (fingerprint {reading.fingerprint}); "
        f"heads, neurons and layers on the first {min(MATCHED_ON, len(reading.texts))}"
    )
    versions = [f"{name} {version(name)}" for name in ("storyscope", "torch")]
    made["versions"] = ", ".join([*versions, f"Python {platform.python_version()}"])
    made["time"] = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    if command:
        made["command"] = command
    return made
