"""What excites each MLP neuron: its extremes over stories, read whole and kept on disk."""

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from slm.errors import BadInput
from slm.model import fast
from slm.runs import Checkpoint, open_run
from slm.stories.cleaning import CleaningReport, clean
from slm.stories.sources import open_source
from slm.stories.windows import windows

KEPT = 20
STORIES_AT_ONCE = 16
CONTEXT = 12
"""Tokens shown on either side of an exciting one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """A place where a neuron is at its most (or least) excited, in its story.

    `acts[i]` is the neuron's activation (`hook_post`) on `pieces[i]`; END comes first.
    """

    story: int
    position: int
    activation: float
    pieces: tuple[str, ...]
    acts: Float[np.ndarray, "pos"]

    def context(self) -> tuple[str, ...]:
        """The pieces around the place."""
        return self.pieces[max(0, self.position - CONTEXT) : self.position + CONTEXT + 1]


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A neuron whose top examples hold a token: how often, and its strongest activation there."""

    layer: int
    neuron: int
    count: int
    activation: float


@torch.no_grad()
def activations(
    checkpoint: Checkpoint, stories: Sequence[Sequence[int]]
) -> list[Float[Tensor, "layer pos d_mlp"]]:
    """`hook_post` of every neuron at every position of each story (token ids, END first).

    All stories of one call share a batch. Positions past the context are read in windows that
    overlap by half; padding is read along and cut off.
    """
    config = checkpoint.config
    names = [f"blocks.{layer}.mlp.hook_post" for layer in range(config.n_layers)]
    parts = [
        (index, window)
        for index, story in enumerate(stories)
        for window in windows(len(story), config.n_ctx)
    ]
    longest = max(window.stop - window.start for _, window in parts)
    rows = torch.full((len(parts), longest), checkpoint.tokenizer.end)
    for row, (index, window) in zip(rows, parts, strict=True):
        ids = torch.tensor(list(stories[index][window.start : window.stop]))
        row[: len(ids)] = ids
    taps = fast.Taps(names)
    fast.hidden(checkpoint.weights, rows, taps=taps)
    post = torch.stack([taps.acts[name] for name in names])
    found: list[list[Tensor]] = [[] for _ in stories]
    for row, (index, window) in enumerate(parts):
        found[index].append(post[:, row, window.new - window.start : window.stop - window.start])
    return [torch.cat(pieces, dim=1) for pieces in found]


def examples(
    checkpoint: Checkpoint,
    stories: Sequence[str],
    *,
    layer: int,
    neuron: int,
    k: int = KEPT,
    strongest: bool = True,
) -> list[Example]:
    """The k stories that excite a neuron most (or least), each at its extreme place.

    Raises `BadInput` for a layer or neuron that the model does not have.
    """
    _check(checkpoint, layer, neuron)
    found: list[Example] = []
    for first in range(0, len(stories), STORIES_AT_ONCE):
        tokens = [
            checkpoint.tokenizer.encode_story(story)
            for story in stories[first : first + STORIES_AT_ONCE]
        ]
        for index, acts in enumerate(activations(checkpoint, tokens)):
            found.append(
                _example(
                    checkpoint, first + index, tokens[index], acts[layer, :, neuron], strongest
                )
            )
    found.sort(key=lambda example: -example.activation if strongest else example.activation)
    return found[:k]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How far the building of an index has come."""

    stories: int
    tokens: int
    share: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Index:
    """Every neuron's extremes over a corpus, a story at most once each.

    `story`, `position` and `activation` are [side, layer, neuron, rank]; side 0 holds the strongest,
    side 1 the weakest. A story of -1 means that the corpus had fewer stories.
    """

    path: Path
    activation: Float[np.ndarray, "side layer neuron rank"]
    story: Int[np.ndarray, "side layer neuron rank"]
    position: Int[np.ndarray, "side layer neuron rank"]
    fires: Float[np.ndarray, "layer neuron"]

    def tokens(self, story: int) -> list[int]:
        """The token ids of a story of the index, END first."""
        starts = np.load(self.path / "starts.npy", mmap_mode="r")
        ids = np.memmap(self.path / "tokens.bin", dtype=np.uint16, mode="r")
        return ids[starts[story] : starts[story + 1]].tolist()

    def top(
        self,
        checkpoint: Checkpoint,
        layer: int,
        neuron: int,
        *,
        k: int = KEPT,
        strongest: bool = True,
    ) -> list[Example]:
        """A neuron's extreme places, its activation read afresh along their stories."""
        _check(checkpoint, layer, neuron)
        side = 0 if strongest else 1
        chosen = [int(s) for s in self.story[side, layer, neuron, :k] if s >= 0]
        if not chosen:
            return []
        tokens = [self.tokens(story) for story in chosen]
        return [
            _example(checkpoint, story, ids, acts[layer, :, neuron], strongest)
            for story, ids, acts in zip(
                chosen, tokens, activations(checkpoint, tokens), strict=True
            )
        ]

    def find(self, checkpoint: Checkpoint, token: str, *, k: int = KEPT) -> list[Hit]:
        """Neurons whose strongest examples hold `token`, those with most of them first.

        Raises `BadInput` where `token` is not one token of the model's vocabulary.
        """
        ids = checkpoint.tokenizer.encode(token)
        if len(ids) != 1:
            pieces = checkpoint.tokenizer.pieces(ids)
            raise BadInput(f"{token!r} must be one token, and it is {len(ids)}: {pieces}")
        counts: Counter[tuple[int, int]] = Counter()
        best: dict[tuple[int, int], float] = {}
        starts = np.load(self.path / "starts.npy", mmap_mode="r")
        all_ids = np.memmap(self.path / "tokens.bin", dtype=np.uint16, mode="r")
        there = self.story[0] >= 0
        at = starts[np.where(there, self.story[0], 0)] + self.position[0]
        same = there & (all_ids[np.where(there, at, 0)] == ids[0])
        for layer, neuron, rank in np.argwhere(same).tolist():
            counts[layer, neuron] += 1
            value = float(self.activation[0, layer, neuron, rank])
            best[layer, neuron] = max(value, best.get((layer, neuron), value))
        hits = [
            Hit(layer=layer, neuron=neuron, count=count, activation=best[layer, neuron])
            for (layer, neuron), count in counts.items()
        ]
        return sorted(hits, key=lambda hit: (-hit.count, -hit.activation))[:k]


def build_index(checkpoint: Checkpoint, corpus: str) -> Iterator[Reading]:
    """Read a whole corpus and write the index of this checkpoint, yielding how far it has come.

    Memory holds a batch and the extremes, never the corpus. Ended early, it leaves nothing.
    """
    run = open_run(checkpoint.address.run)
    assert checkpoint.address.step is not None
    folder = run.neurons_path(checkpoint.address.step)
    source = open_source(corpus)
    total = max(1, sum(1 for _ in clean(source.raw(), CleaningReport())))
    config = checkpoint.config
    shape = (2, config.n_layers, config.d_mlp, KEPT)
    best = torch.full(shape, float("-inf"))
    story = torch.full(shape, -1, dtype=torch.int32)
    position = torch.zeros(shape, dtype=torch.int32)
    fired = torch.zeros(config.n_layers, config.d_mlp, dtype=torch.double)
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        starts, done = [0], 0
        texts = clean(source.raw(), CleaningReport())
        with (beside / "tokens.bin").open("wb") as file:
            while batch := list(islice(texts, STORIES_AT_ONCE)):
                tokens = [checkpoint.tokenizer.encode_story(text) for text in batch]
                for offset, acts in enumerate(activations(checkpoint, tokens)):
                    file.write(np.asarray(tokens[offset], dtype="<u2").tobytes())
                    starts.append(starts[-1] + acts.shape[1])
                    fired += (acts > 0).sum(1)
                    for side, extreme in ((0, acts.max(1)), (1, (-acts).max(1))):
                        _merge(best[side], story[side], position[side], extreme, done + offset)
                done += len(batch)
                yield Reading(stories=done, tokens=starts[-1], share=done / total)
        if done == 0:
            raise BadInput(f"the corpus {corpus!r} holds no story that survives cleaning")
        best, order = best.sort(dim=-1, descending=True)
        story, position = story.gather(-1, order), position.gather(-1, order)
        best[1] *= -1
        np.save(beside / "starts.npy", np.asarray(starts, dtype=np.int64))
        np.save(beside / "activation.npy", best.numpy())
        np.save(beside / "story.npy", story.numpy())
        np.save(beside / "position.npy", position.numpy())
        np.save(beside / "fires.npy", (fired / starts[-1]).float().numpy())
        manifest = {
            "corpus": corpus,
            "corpus_fingerprint": source.fingerprint,
            "tokenizer_hash": checkpoint.tokenizer.hash,
            "address": str(checkpoint.address),
            "reading": asdict(Reading(stories=done, tokens=starts[-1], share=1.0)),
        }
        (beside / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def open_index(checkpoint: Checkpoint) -> Index:
    """The index built for this checkpoint; `BadInput` with the command to build it where none is."""
    assert checkpoint.address.step is not None
    path = open_run(checkpoint.address.run).neurons_path(checkpoint.address.step)
    if not (path / "manifest.json").exists():
        raise BadInput(
            f"no neuron index of {checkpoint.address} yet; build it: "
            f"python -m slm neurons build {checkpoint.address} --corpus SOURCE"
        )
    manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    if manifest["tokenizer_hash"] != checkpoint.tokenizer.hash:
        raise BadInput(f"the neuron index of {checkpoint.address} is stale: build it again")

    def array(name: str) -> np.ndarray:
        return np.load(path / f"{name}.npy", mmap_mode="r")

    return Index(
        path=path,
        activation=array("activation"),
        story=array("story"),
        position=array("position"),
        fires=array("fires"),
    )


def _merge(
    best: Float[Tensor, "layer neuron rank"],
    story: Int[Tensor, "layer neuron rank"],
    position: Int[Tensor, "layer neuron rank"],
    extreme: "torch.return_types.max",
    index: int,
) -> None:
    """Put one story's extreme of each neuron in the place of the least of the kept ones."""
    values, places = extreme
    least, rank = best.min(-1)
    better = values > least
    at = (*torch.nonzero(better, as_tuple=True), rank[better])
    best[at] = values[better]
    story[at] = index
    position[at] = places[better].int()


def _example(
    checkpoint: Checkpoint,
    story: int,
    tokens: Sequence[int],
    acts: Float[Tensor, "pos"],
    strongest: bool,
) -> Example:
    position = int(acts.argmax() if strongest else acts.argmin())
    return Example(
        story=story,
        position=position,
        activation=float(acts[position]),
        pieces=tuple(checkpoint.tokenizer.pieces(tokens)),
        acts=acts.numpy().copy(),
    )


def _check(checkpoint: Checkpoint, layer: int, neuron: int) -> None:
    config = checkpoint.config
    if not 0 <= layer < config.n_layers:
        raise BadInput(f"layer must lie in 0 to {config.n_layers - 1}, not {layer}")
    if not 0 <= neuron < config.d_mlp:
        raise BadInput(f"neuron must lie in 0 to {config.d_mlp - 1}, not {neuron}")
