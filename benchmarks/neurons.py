"""The neuron index against the forward pass it is made of, and against a loop one would write first."""

import heapq
import resource
import tempfile
from itertools import islice
from pathlib import Path

import torch

from benchmarks.race import Contender, race, table
from slm.interp.neurons.activations import ranked_hook
from slm.interp.neurons.build import STORIES_AT_ONCE, build_index
from slm.interp.neurons.tally import batches
from slm.model import functional
from slm.model.hooked import hooked, run_with_cache
from slm.runs import Checkpoint, load_checkpoint
from slm.stories import nursery
from slm.stories.tokenizer import END

RUNS = ("four-layer", "storyteller")
STORIES = 1400
"""Enough that what only the first stories cost, when every list is empty, counts for little."""
NAIVE_STORIES = 8


def run() -> str:
    """Race at two shapes."""
    return "\n".join(_at(load_checkpoint(run)) for run in RUNS)


def _at(checkpoint: Checkpoint) -> str:
    end = checkpoint.tokenizer.end
    texts = [story.text for story in nursery.stories(STORIES)]
    stories = [[end, *ids] for ids in checkpoint.tokenizer.encode_many(texts)]
    work = sum(map(len, stories))

    def index() -> None:
        for _ in build_index(checkpoint, str(corpus), again=True):
            pass

    @torch.no_grad()
    def bare() -> None:
        rest = iter(stories)
        while some := list(islice(rest, STORIES_AT_ONCE)):
            for batch in batches(some, checkpoint.config.n_ctx):
                functional.hidden(checkpoint.weights, batch.rows)

    def naive() -> float:
        return _naive(checkpoint, stories[:NAIVE_STORIES])

    contenders = [
        Contender("slm neurons build", index),
        Contender("a bare forward pass", bare),
        Contender("run_with_cache and a heap for each neuron", naive),
    ]
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "stories.txt"
        corpus.write_text(f"\n{END}\n".join(texts), encoding="utf-8")
        rows = race(contenders, work=work, rounds=2, warm_up=False)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    shape = (
        f"{checkpoint.config.shape}, {checkpoint.config.n_layers * checkpoint.config.d_mlp} neurons"
    )
    title = f"Neuron index of {checkpoint.address} ({shape}) over {STORIES} stories"
    return table(title, "tokens/s", rows) + f"\nPeak memory of this process: {peak} MB.\n"


def _naive(checkpoint: Checkpoint, stories: list[list[int]]) -> float:
    model = hooked(checkpoint.weights)
    config = checkpoint.config
    names = [f"blocks.{n}.mlp.{ranked_hook(config)}" for n in range(config.n_layers)]
    heaps: dict[tuple[int, int], list[tuple[float, int, int]]] = {}
    for number, story in enumerate(stories):
        tokens = torch.tensor([story[: checkpoint.config.n_ctx]])
        _, cache = run_with_cache(model, tokens, names)
        for layer, name in enumerate(names):
            values, places = cache[name][0].max(0)
            for neuron, (value, place) in enumerate(
                zip(values.tolist(), places.tolist(), strict=True)
            ):
                heap = heaps.setdefault((layer, neuron), [])
                heapq.heappush(heap, (value, number, place))
                if len(heap) > 20:
                    heapq.heappop(heap)
    return float(sum(min(len(story), checkpoint.config.n_ctx) for story in stories))
