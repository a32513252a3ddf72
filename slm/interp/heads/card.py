"""A head's card: its labels with their proof, how far back it looks, and where it does so most."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from slm.errors import BadInput, shown
from slm.interp.heads.atlas import HeadAtlas, Label, labels
from slm.interp.heads.examples import HeadExample
from slm.interp.heads.scores import HeadScores
from slm.interp.heads.table import numbers, parts
from slm.interp.heads.targets import HeadLabel
from slm.model.config import ModelConfig


@dataclass(frozen=True, kw_only=True, eq=False)
class HeadCard:
    """One head's part of the scores and of the atlas, which is None before the head was ablated.

    `examples` are strongest places of the head's first label, the strongest first.
    """

    scores: HeadScores
    atlas: HeadAtlas | None
    layer: int
    head: int
    examples: tuple[HeadExample, ...]

    @property
    def labels(self) -> tuple[Label, ...]:
        """All that the head is said to do, as `head_labels` orders it."""
        return head_labels(self.scores, self.atlas, self.layer, self.head)

    @property
    def peak(self) -> int:
        """How far back the head looks most on average, in tokens."""
        return int(self.scores.profile[self.layer, self.head].argmax())

    def to_json(self) -> dict[str, Any]:
        """Return the card as plain values; null where it was not measured."""
        at, measured = (self.layer, self.head), parts(self.scores, self.atlas)
        profile = self.scores.profile[at].round(5).tolist()
        return {
            "address": str(self.scores.address),
            "corpus": self.scores.corpus,
            "stories": self.scores.rows[0],
            "layer": self.layer,
            "head": self.head,
            "labels": [
                {
                    "kind": one.kind,
                    "name": one.name,
                    "confirmed": None if self.atlas is None else one.confirmed,
                }
                | {
                    name: numbers(part, (*at, self.scores.kinds.index(one.kind)))
                    for name, part in measured.items()
                }
                for one in self.labels
            ],
            "profile": profile,
            "peak": {"distance": self.peak, "attention": profile[self.peak]},
            "examples": [
                {
                    "story": one.title or one.text,
                    "query": one.query,
                    "query_token": one.str_tokens[one.query],
                    "key": one.key,
                    "key_token": one.str_tokens[one.key],
                    "attention": round(one.weight, 5),
                }
                for one in self.examples
            ],
        }


def head_labels(
    scores: HeadScores, atlas: HeadAtlas | None, layer: int, head: int
) -> tuple[Label, ...]:
    """Return a head's labels: confirmed ones by the lower bound of their ablation effect, then the rest.

    The rest is in the order of the score above the baseline.
    """
    every = labels(scores, None if atlas is None else atlas.confirmed())[layer][head]
    if atlas is None:
        return every
    low = dict(zip(scores.kinds, atlas.effect.low[layer, head].tolist(), strict=True))
    return tuple(sorted(every, key=lambda label: -low[label.kind] if label.confirmed else np.inf))


def distance_of(scores: HeadScores, label: Label, layer: int, head: int) -> int:
    """Return how far back a label attends; 0 for kinds other than "fixed distance"."""
    return int(scores.distance[layer, head]) if label.kind == HeadLabel.DISTANCE else 0


def head_card(
    scores: HeadScores,
    atlas: HeadAtlas | None,
    layer: int,
    head: int,
    find: Callable[[int, int, str, int], Sequence[HeadExample]],
) -> HeadCard:
    """Collect a head's card; its examples are of the first label, and none where it has no label.

    `find(layer, head, kind, back)` is `head_examples` of the model.
    """
    every = head_labels(scores, atlas, layer, head)
    examples: Sequence[HeadExample] = ()
    if every:
        back = distance_of(scores, every[0], layer, head)
        examples = find(layer, head, every[0].kind, back)
    return HeadCard(scores=scores, atlas=atlas, layer=layer, head=head, examples=tuple(examples))


def layer_and_head(written: str, config: ModelConfig) -> tuple[int, int]:
    """Parse layer and head from `2.7`; raises `BadInput` where there is no such head."""
    found = re.fullmatch(r"(\d{1,4})\.(\d{1,4})", written.strip())
    if found is None or int(found[1]) >= config.n_layers or int(found[2]) >= config.n_heads:
        raise BadInput(
            f"a head is written layer.head, from 0.0 to {config.n_layers - 1}.{config.n_heads - 1}, "
            f"not {shown(written)}"
        )
    return int(found[1]), int(found[2])
