"""Every neuron over a whole corpus: its extremes, how often it fires, and how it is spread.

All are of `ranked_hook` (see `activations`): the pre-activation of an ungated neuron, so that its lowest
places are those that inhibit it most. A neuron fires where that is above 0. An index lies on disk as
memory-mapped arrays, written by `build`; a few stories are read into one in memory by
`index_of`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Int64, UInt16

from slm.errors import BadInput
from slm.interp.neurons import distributions
from slm.interp.neurons.activations import KEPT, Example, activations, check_neuron, example_of
from slm.interp.neurons.tally import Tally, batches
from slm.reading import open_array, open_numbers, read_json, typed
from slm.runs import Checkpoint, open_run
from slm.stories import shipped

VERSION = 3
"""Raised whenever what lies on disk changes its meaning."""
MANIFEST = "manifest.json"


@dataclass(frozen=True, kw_only=True, eq=False)
class Index:
    """Every neuron of a checkpoint over the stories of `corpus`.

    `value`, `story` and `position` are [side, layer, neuron, rank]: side 0 holds the highest places,
    side 1 the lowest, a story at most once each, and the same eight tokens at most once. A story of
    -1 means that there were no more. `counts` are the tokens in each bin of `distributions`.
    Story s is `ids[starts[s]:starts[s+1]]`, END first.
    """

    corpus: str
    ids: UInt16[np.ndarray, "token"]
    starts: Int64[np.ndarray, "story_plus_one"]
    value: Float[np.ndarray, "side layer neuron rank"]
    story: Int[np.ndarray, "side layer neuron rank"]
    position: Int[np.ndarray, "side layer neuron rank"]
    counts: Int[np.ndarray, "layer neuron bin"]

    @property
    def n_stories(self) -> int:
        """Stories that were read."""
        return len(self.starts) - 1

    @property
    def n_tokens(self) -> int:
        """Tokens that were read, END of each story among them."""
        return int(self.starts[-1])

    @cached_property
    def fired(self) -> Int[np.ndarray, "layer neuron"]:
        """The number of tokens on which each neuron is above 0."""
        return self.counts[:, :, distributions.ABOVE_ZERO :].sum(-1)

    @property
    def fires(self) -> Float[np.ndarray, "layer neuron"]:
        """The share of all tokens on which each neuron is above 0."""
        return self.fired / self.n_tokens

    @property
    def highest(self) -> Float[np.ndarray, "layer neuron"]:
        """Each neuron's highest value anywhere."""
        return self.value[0, :, :, 0]

    @property
    def lowest(self) -> Float[np.ndarray, "layer neuron"]:
        """Each neuron's lowest value anywhere."""
        return self.value[1, :, :, 0]

    def dead(self, threshold: float = 0.0) -> list[tuple[int, int]]:
        """Return the neurons (layer, neuron) that are nowhere above `threshold`."""
        return [
            (layer, neuron) for layer, neuron in np.argwhere(self.highest <= threshold).tolist()
        ]

    def percentiles(self, layer: int, neuron: int, shares: Sequence[float]) -> list[float]:
        """Estimate percentiles of a neuron's values over all tokens; `shares` are 0 to 1."""
        return distributions.percentiles(
            np.asarray(self.counts[layer, neuron]),
            float(self.lowest[layer, neuron]),
            float(self.highest[layer, neuron]),
            shares,
        )

    def share_above(
        self, values: Float[np.ndarray, "layer neuron"]
    ) -> Float[np.ndarray, "layer neuron"]:
        """Estimate the share of tokens on which each neuron is at least as high as in `values`."""
        return distributions.share_above(np.asarray(self.counts), self.highest, values)

    def top_tokens(self) -> Int[np.ndarray, "layer neuron rank"]:
        """Return the token ids of each neuron's top activations, -1 where it does not fire."""
        there = self.value[0] > 0
        at = self.starts[np.where(there, self.story[0], 0)] + self.position[0]
        return np.where(there, self.ids[np.where(there, at, 0)].astype(np.int64), -1)

    def tokens(self, story: int) -> list[int]:
        """Return the token ids of a story, END first."""
        return self.ids[self.starts[story] : self.starts[story + 1]].tolist()

    def top(
        self,
        checkpoint: Checkpoint,
        layer: int,
        neuron: int,
        *,
        k: int = KEPT,
        strongest: bool = True,
    ) -> list[Example]:
        """Recompute a neuron's top (or bottom) activations along their stories."""
        check_neuron(checkpoint, layer, neuron)
        side = 0 if strongest else 1
        chosen = [int(s) for s in self.story[side, layer, neuron, :k] if s >= 0]
        if not chosen:
            return []
        tokens = [self.tokens(story) for story in chosen]
        return [
            example_of(checkpoint, story, ids, acts[layer, :, neuron], strongest)
            for story, ids, acts in zip(
                chosen, tokens, activations(checkpoint, tokens), strict=True
            )
        ]


def index_of(checkpoint: Checkpoint, texts: Sequence[str], corpus: str) -> Index:
    """Build an index of a few stories in memory; `corpus` is their name."""
    stories = [checkpoint.tokenizer.encode_story(text) for text in texts]
    tally = Tally(checkpoint.config)
    for batch in batches(stories, checkpoint.config.n_ctx):
        tally.read(checkpoint, batch)
    return Index(
        corpus=corpus,
        ids=np.concatenate([np.asarray(story, dtype=np.uint16) for story in stories]),
        starts=np.cumsum([0, *map(len, stories)], dtype=np.int64),
        **tally.arrays(),
    )


def shipped_index(checkpoint: Checkpoint) -> Index:
    """Build an index of the shipped stories in memory."""
    texts = [checkpoint.tokenizer.readable(story.text) for story in shipped.stories()]
    return index_of(checkpoint, texts, f"the {len(texts)} shipped stories")


def index_path(checkpoint: Checkpoint) -> Path:
    """Return the path of this checkpoint's index."""
    assert checkpoint.address.step is not None
    return open_run(checkpoint.address.run).neurons_path(checkpoint.address.step)


def open_index(checkpoint: Checkpoint) -> Index:
    """Open the index of this checkpoint.

    Raises `BadInput`, with the command to build it, where there is none, or where it was made of
    other weights or another tokenizer, or is damaged.
    """
    path = index_path(checkpoint)
    build = f"python -m slm neurons build {checkpoint.address} --corpus SOURCE"
    if (manifest := read_manifest(path)) is None:
        raise BadInput(f"no neuron index of {checkpoint.address} yet; build it: {build}")
    if changed := stale(checkpoint, manifest):
        raise BadInput(
            f"the neuron index of {checkpoint.address} is stale ({changed}); build it again: {build}"
        )

    neurons = (checkpoint.config.n_layers, checkpoint.config.d_mlp)
    places = (2, *neurons, KEPT)
    try:
        index = Index(
            corpus=typed(str, manifest.get("corpus"), f"the corpus in {path / MANIFEST}"),
            ids=open_numbers(path / "tokens.bin", np.uint16),
            starts=open_numbers(path / "starts.bin", np.int64),
            value=open_array(path / "value.npy", np.float32, places),
            story=open_array(path / "story.npy", np.int32, places),
            position=open_array(path / "position.npy", np.int32, places),
            counts=open_array(path / "counts.npy", np.int64, (*neurons, distributions.BINS)),
        )
        if wrong := _damage(index, checkpoint.config.d_vocab):
            raise BadInput(f"{path} is damaged: {wrong}")
    except BadInput as error:
        raise BadInput(f"{error}; build it again: {build}") from None
    return index


def _damage(index: Index, d_vocab: int) -> str:
    """Describe the first inconsistency of an index; empty where there is none."""
    starts, ids, there = index.starts, index.ids, index.story >= 0
    if len(starts) < 2 or starts[0] != 0 or starts[-1] != len(ids) or (np.diff(starts) < 1).any():
        return "its stories do not begin one after the other"
    if ids.max() >= d_vocab:
        return f"it holds a token of {ids.max()}, and the tokenizer has {d_vocab}"
    if index.story.max() >= index.n_stories or index.story.min() < -1:
        return f"a place lies in a story that is none of its {index.n_stories}"
    lengths = np.diff(starts)[np.where(there, index.story, 0)]
    if (there & ((index.position < 0) | (index.position >= lengths))).any():
        return "a place lies beyond the end of its story"
    if np.isnan(index.value).any() or np.isinf(index.value[there]).any():
        return "the value at a place is no number"
    if (index.counts < 0).any() or (index.counts.sum(-1) != index.n_tokens).any():
        return "its counts are not of all its tokens"
    return ""


def hashes(checkpoint: Checkpoint) -> dict[str, str]:
    """Return the hashes of a checkpoint's weights and tokenizer."""
    assert checkpoint.address.step is not None
    run = open_run(checkpoint.address.run)
    weights = run.weights_hash(checkpoint.address.step)
    return {"weights_hash": weights, "tokenizer_hash": checkpoint.tokenizer.hash}


def stale(checkpoint: Checkpoint, manifest: dict[str, Any]) -> str:
    """Say why an index is not this checkpoint's; empty where it is."""
    if manifest.get("version") != VERSION:
        return "an earlier version of Storyscope wrote it"
    now = hashes(checkpoint)
    if manifest.get("weights_hash") != now["weights_hash"]:
        return "the weights have changed since"
    if manifest.get("tokenizer_hash") != now["tokenizer_hash"]:
        return "the tokenizer has changed since"
    return ""


def read_manifest(path: Path) -> dict[str, Any] | None:
    """Read an index's manifest; None where there is no whole index."""
    try:
        return read_json(path / MANIFEST, dict)
    except (FileNotFoundError, NotADirectoryError, BadInput):
        return None
