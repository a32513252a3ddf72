"""Every neuron's extremes over a whole corpus, in one pass, kept on disk.

The pass costs little more than the forward pass it is made of: while a layer's activations are still
in the processor's cache, each story's maxima and minima are taken, and only those that enter a
neuron's list are looked at again for their place.
"""

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
from slm.lens.neurons import KEPT, Example, activations, check_neuron, example_of
from slm.model import fast
from slm.model.config import ModelConfig
from slm.runs import Checkpoint, open_run
from slm.stories.cleaning import CleaningReport, clean
from slm.stories.sources import open_source
from slm.stories.windows import windows

STORIES_AT_ONCE = 256
TOKENS_AT_ONCE = 4096
"""Stories that are encoded together, and positions (padding included) that are run together."""


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A neuron whose top examples hold a token: how often, and its strongest activation there."""

    layer: int
    neuron: int
    count: int
    activation: float


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
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        extremes = _Extremes(checkpoint.config)
        starts, read = [0], 0
        texts = clean(source.raw(), CleaningReport())
        with (beside / "tokens.bin").open("wb") as file:
            while some := list(islice(texts, STORIES_AT_ONCE)):
                end = checkpoint.tokenizer.end
                stories = [[end, *ids] for ids in checkpoint.tokenizer.encode_many(some)]
                for batch in batches(stories, checkpoint.config.n_ctx, first=len(starts) - 1):
                    extremes.read(checkpoint, batch)
                for story in stories:
                    file.write(np.asarray(story, dtype="<u2").tobytes())
                    starts.append(starts[-1] + len(story))
                read += sum(map(len, some))
                share = min(read / source.size, 0.99)
                yield Reading(stories=len(starts) - 1, tokens=starts[-1], share=share)
        if len(starts) == 1:
            raise BadInput(f"the corpus {corpus!r} holds no story that survives cleaning")
        reading = Reading(stories=len(starts) - 1, tokens=starts[-1], share=1.0)
        np.save(beside / "starts.npy", np.asarray(starts, dtype=np.int64))
        for name, array in extremes.arrays(starts[-1]).items():
            np.save(beside / f"{name}.npy", array)
        manifest = {
            "corpus": corpus,
            "corpus_fingerprint": source.fingerprint,
            "tokenizer_hash": checkpoint.tokenizer.hash,
            "address": str(checkpoint.address),
            "reading": asdict(reading),
        }
        (beside / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(beside, folder)
        yield reading
    finally:
        shutil.rmtree(beside, ignore_errors=True)


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Windows of several stories, to be run together; all windows of a story are in one batch.

    `first` to `last` (exclusive) are the positions of a row that count: no padding, and none that an
    earlier window has read. `starts` is where in its story a row begins.
    """

    rows: Int[Tensor, "window pos"]
    first: Int[Tensor, "window"]
    last: Int[Tensor, "window"]
    starts: Int[Tensor, "window"]
    story: Int[Tensor, "window"]


def batches(stories: Sequence[Sequence[int]], n_ctx: int, first: int = 0) -> Iterator[Batch]:
    """Put stories of like length together, so that little is padded. They are numbered from `first`."""
    order = sorted(range(len(stories)), key=lambda index: len(stories[index]))
    together: list[int] = []
    for place, index in enumerate(order):
        together.append(index)
        following = order[place + 1] if place + 1 < len(order) else None
        count = sum(len(list(windows(len(stories[i]), n_ctx))) for i in together)
        if following is None or (count + 1) * min(len(stories[following]), n_ctx) > TOKENS_AT_ONCE:
            yield _batch(stories, together, n_ctx, first)
            together = []


def _batch(stories: Sequence[Sequence[int]], which: list[int], n_ctx: int, first: int) -> Batch:
    parts = [(index, window) for index in which for window in windows(len(stories[index]), n_ctx)]
    longest = max(window.stop - window.start for _, window in parts)
    rows = torch.zeros(len(parts), longest, dtype=torch.long)
    for row, (index, window) in zip(rows, parts, strict=True):
        ids = stories[index][window.start : window.stop]
        row[: len(ids)] = torch.tensor(list(ids))
    return Batch(
        rows=rows,
        first=torch.tensor([window.new - window.start for _, window in parts]),
        last=torch.tensor([window.stop - window.start for _, window in parts]),
        starts=torch.tensor([window.start for _, window in parts]),
        story=torch.tensor([first + index for index, _ in parts]),
    )


class _Extremes:
    """The strongest and weakest activations of every neuron so far, a story at most once each.

    Side 0 holds activations, side 1 their negatives, so that on both sides more is more extreme.
    """

    def __init__(self, config: ModelConfig) -> None:
        shape = (2, config.n_layers, config.d_mlp, KEPT)
        self.best = torch.full(shape, float("-inf"))
        self.story = torch.full(shape, -1)
        self.position = torch.zeros(shape, dtype=torch.long)
        self.fired = torch.zeros(config.n_layers, config.d_mlp, dtype=torch.double)
        self.hooks = {f"blocks.{n}.mlp.hook_post": n for n in range(config.n_layers)}

    @torch.no_grad()
    def read(self, checkpoint: Checkpoint, batch: Batch) -> None:
        """Run a batch and keep what is extreme in it."""
        counting = [
            slice(*ends) for ends in zip(batch.first.tolist(), batch.last.tolist(), strict=True)
        ]

        def take(name: str, act: fast.Act) -> None:
            if (layer := self.hooks.get(name)) is None:
                return
            assert isinstance(act, Tensor)
            parts = [row[there] for row, there in zip(act, counting, strict=True)]
            self.fired[layer] += sum((part > 0).float().sum(0) for part in parts)
            self._merge(0, layer, act, batch, torch.stack([part.amax(0) for part in parts]))
            self._merge(1, layer, act, batch, -torch.stack([part.amin(0) for part in parts]))

        fast.hidden(checkpoint.weights, batch.rows, tap=take)

    def _merge(
        self,
        side: int,
        layer: int,
        act: Float[Tensor, "window pos neuron"],
        batch: Batch,
        extreme: Float[Tensor, "window neuron"],
    ) -> None:
        """Put the windows' extremes that belong there into the neurons' lists."""
        best = self.best[side, layer]
        window, neuron = (extreme > best[:, -1]).nonzero(as_tuple=True)
        if not len(window):
            return
        # of several windows of a story, only the most extreme one
        values = extreme[window, neuron]
        key = batch.story[window] * len(best) + neuron
        order = values.argsort(descending=True, stable=True)
        order = order[key[order].argsort(stable=True)]
        first = torch.ones(len(order), dtype=torch.bool)
        first[1:] = key[order][1:] != key[order][:-1]
        window, neuron, values = (t[order[first]] for t in (window, neuron, values))

        along = act[window, :, neuron] * (1 if side == 0 else -1)
        at = torch.arange(act.shape[1])
        counts_not = (at < batch.first[window, None]) | (at >= batch.last[window, None])
        along = along.masked_fill(counts_not, float("-inf"))
        position = batch.starts[window] + along.argmax(1)

        touched, row = neuron.unique(return_inverse=True)
        by_row = row.argsort(stable=True)
        counts = torch.bincount(row)
        column = torch.arange(len(row)) - (counts.cumsum(0) - counts)[row[by_row]]
        width = int(counts.max())

        def joined(kept: Tensor, new: Tensor, empty: float | int) -> Tensor:
            table = torch.full((len(touched), width), empty, dtype=kept.dtype)
            table[row[by_row], column] = new[by_row].to(kept.dtype)
            return torch.cat([kept[touched], table], 1)

        together, places = joined(best, values, float("-inf")).sort(
            dim=1, descending=True, stable=True
        )
        places = places[:, :KEPT]
        self.best[side, layer, touched] = together[:, :KEPT]
        for kept, new in ((self.story, batch.story[window]), (self.position, position)):
            kept[side, layer, touched] = joined(kept[side, layer], new, -1).gather(1, places)

    def arrays(self, tokens: int) -> dict[str, np.ndarray]:
        """What the index holds, of a corpus of `tokens`."""
        best = self.best.clone()
        best[1] *= -1
        return {
            "activation": best.numpy(),
            "story": self.story.int().numpy(),
            "position": self.position.int().numpy(),
            "fires": (self.fired / tokens).float().numpy(),
        }


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
