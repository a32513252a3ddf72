"""Running extremes and histograms of every neuron over a corpus.

Both are of `ranked_hook` (see `activations`). It costs little more than the forward pass it listens
to: a layer's values are counted into bins and each story's maxima and minima are taken; only those
that enter a neuron's list are looked at again for their place.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from slm.interp.neurons import distributions
from slm.interp.neurons.activations import KEPT, ranked_hook
from slm.model import functional
from slm.model.config import ModelConfig
from slm.runs import Checkpoint
from slm.stories.windows import windows

TOKENS_AT_ONCE = 4096
"""Positions (padding included) that are run together."""
SAME_WORDS = 8
"""Places where this token and those before it, so many in all, are the same count as one place."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Windows of several stories, to be run together; all windows of a story are in one batch.

    `first` to `last` (exclusive) are the positions of a row that count: no padding, and none that an
    earlier window has read. `starts` is where in its story a row begins. `words` is the same where
    the last `SAME_WORDS` tokens are.
    """

    rows: Int[Tensor, "window pos"]
    words: Int[Tensor, "window pos"]
    first: Int[Tensor, "window"]
    last: Int[Tensor, "window"]
    starts: Int[Tensor, "window"]
    story: Int[Tensor, "window"]

    def counts(self) -> Bool[Tensor, "window pos"]:
        """Return which positions count."""
        at = torch.arange(self.rows.shape[1])
        return (at >= self.first[:, None]) & (at < self.last[:, None])


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
        words=_last_words(rows),
        first=torch.tensor([window.new - window.start for _, window in parts]),
        last=torch.tensor([window.stop - window.start for _, window in parts]),
        starts=torch.tensor([window.start for _, window in parts]),
        story=torch.tensor([first + index for index, _ in parts]),
    )


def _last_words(rows: Int[Tensor, "window pos"]) -> Int[Tensor, "window pos"]:
    """Hash each token with the `SAME_WORDS` - 1 tokens before it, or as many as there are."""
    found = torch.zeros_like(rows)
    for back in range(SAME_WORDS):
        before = F.pad(rows + 1, (back, 0))[:, : rows.shape[1]]
        found = found * 6364136223846793005 + before  # wraps around: Knuth's multiplier mod 2^64
    return found


class Tally:
    """The extremes and the histogram of every neuron so far.

    `best`, `story`, `position` and `words` are [side, layer, neuron, rank]: the highest (side 0) and
    lowest (side 1, its values negated) places, a story at most once each and the same words at most
    once. A story of -1 is an empty place. `counts` [layer, neuron, bin] are the tokens in each bin of
    a neuron's spread.
    """

    def __init__(self, config: ModelConfig) -> None:
        shape = (2, config.n_layers, config.d_mlp, KEPT)
        self.best = torch.full(shape, float("-inf"))
        self.story = torch.full(shape, -1)
        self.position = torch.zeros(shape, dtype=torch.long)
        self.words = torch.zeros(shape, dtype=torch.long)
        self.counts = torch.zeros(
            config.n_layers, config.d_mlp, distributions.BINS, dtype=torch.long
        )
        self._counter: distributions.Counter | None = None
        self._room = 0
        hook = ranked_hook(config)
        self._layers = {f"blocks.{n}.mlp.{hook}": n for n in range(config.n_layers)}

    @torch.no_grad()
    def read(self, checkpoint: Checkpoint, batch: Batch) -> None:
        """Run a batch and keep what there is to know of it."""
        parts = [slice(*ends) for ends in zip(batch.first, batch.last, strict=True)]
        size = batch.rows.numel()
        if self._counter is None or self._room < size:
            self._room = max(size, TOKENS_AT_ONCE)
            self._counter = distributions.Counter(checkpoint.config.d_mlp, self._room)
        counter = self._counter

        def take(name: str, act: functional.Act) -> None:
            if (layer := self._layers.get(name)) is None:
                return
            assert isinstance(act, Tensor)
            highest, lowest = [], []
            for row, part in zip(act, parts, strict=True):
                counter.put(row[part])
                highest.append(row[part].amax(0))
                lowest.append(row[part].amin(0))
            self.counts[layer] += counter.counted()
            self._merge(0, layer, act, batch, torch.stack(highest))
            self._merge(1, layer, act, batch, -torch.stack(lowest))

        functional.hidden(checkpoint.weights, batch.rows, hook=take)

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
        at = along.masked_fill(~batch.counts()[window], float("-inf")).argmax(1)

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
        words = joined(self.words[side, layer], batch.words[window, at], 0).gather(1, places)
        together = together.masked_fill(_stood_before(words), float("-inf"))
        together, again = together.sort(dim=1, descending=True, stable=True)
        places = places.gather(1, again)[:, :KEPT]
        self.best[side, layer, touched] = together[:, :KEPT]
        for kept, new, empty in (
            (self.story, batch.story[window], -1),
            (self.position, batch.starts[window] + at, 0),
            (self.words, batch.words[window, at], 0),
        ):
            found = joined(kept[side, layer], new, empty).gather(1, places)
            found = found.masked_fill(together[:, :KEPT] == float("-inf"), empty)
            kept[side, layer, touched] = found

    def tensors(self) -> dict[str, Tensor]:
        """Return the whole state, for `restore`."""
        names = ("best", "story", "position", "words", "counts")
        return {name: getattr(self, name) for name in names}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Go on from what `tensors` gave."""
        for name, known in self.tensors().items():
            known.copy_(tensors[name])

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays of an index."""
        value = self.best.clone()
        value[1] *= -1
        return {
            "value": value.numpy(),
            "story": self.story.int().numpy(),
            "position": self.position.int().numpy(),
            "counts": self.counts.numpy().copy(),
        }


def _stood_before(words: Int[Tensor, "row place"]) -> Bool[Tensor, "row place"]:
    """Return whether the same value stands farther left in its row."""
    order = words.argsort(dim=1, stable=True)
    sorted_words = words.gather(1, order)
    repeated = torch.zeros_like(words, dtype=torch.bool)
    repeated[:, 1:] = sorted_words[:, 1:] == sorted_words[:, :-1]
    return torch.zeros_like(repeated).scatter(1, order, repeated)
