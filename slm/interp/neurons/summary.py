"""Summarise one neuron: firing rate, percentiles, and the tokens whose logits it raises and lowers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slm.interp.neurons.activations import Example, ranked_hook
from slm.interp.neurons.index import Index
from slm.interp.neurons.logits import Writes
from slm.runs import Checkpoint

SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)
"""Shares of tokens at which percentiles are given."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NeuronSummary:
    """One neuron of `checkpoint` over the stories of `index`, and what it writes."""

    checkpoint: Checkpoint
    index: Index
    writes: Writes

    @property
    def less(self) -> int:
        """The number of neurons of its layer that fire less often."""
        fires = self.index.fires[self.writes.layer]
        return int((fires < fires[self.writes.neuron]).sum())

    @property
    def percentiles(self) -> dict[float, float]:
        """The values that `SHARES` of all tokens do not exceed."""
        found = self.index.percentiles(self.writes.layer, self.writes.neuron, SHARES)
        return dict(zip(SHARES, found, strict=True))

    def to_json(self) -> dict[str, Any]:
        """Return the summary as plain values."""
        at, index = (self.writes.layer, self.writes.neuron), self.index
        return {
            **named(self.checkpoint, *at),
            "corpus": index.corpus,
            "stories": index.n_stories,
            "tokens": index.n_tokens,
            "fires": float(index.fires[at]),
            "neurons_of_its_layer_that_fire_less": self.less,
            "lowest": float(index.lowest[at]),
            "highest": float(index.highest[at]),
            "percentiles": {str(share): value for share, value in self.percentiles.items()},
            "promotes": self.writes.promotes,
            "suppresses": self.writes.suppresses,
        }


def named(checkpoint: Checkpoint, layer: int, neuron: int) -> dict[str, Any]:
    """Name a neuron and the hook it is ranked by."""
    hook = ranked_hook(checkpoint.config)
    return {"address": str(checkpoint.address), "layer": layer, "neuron": neuron, "hook": hook}


def examples_json(
    checkpoint: Checkpoint, layer: int, neuron: int, examples: Sequence[Example]
) -> dict[str, Any]:
    """Return a neuron's extreme places as plain values."""
    return {
        **named(checkpoint, layer, neuron),
        "examples": [example.to_json() for example in examples],
    }
