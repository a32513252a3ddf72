"""The head atlas as rows and as JSON, the same for the command line, the page and its exports."""

import math
from collections.abc import Iterator
from typing import Any

from slm.interp.heads.atlas import LEAST_ABLATION_EFFECT, HeadAtlas, labels
from slm.interp.heads.scores import EFFECT, HeadScores
from slm.stats.interval import Intervals

COLUMNS = (
    "layer",
    "head",
    "kind",
    "label",
    "stories",
    "score",
    "score low",
    "score high",
    "baseline",
    "baseline low",
    "baseline high",
    "difference",
    "difference low",
    "difference high",
    "cost on target",
    "cost on target low",
    "cost on target high",
    "cost off target",
    "cost off target low",
    "cost off target high",
    "effect",
    "effect low",
    "effect high",
)


def numbers(of: Intervals | None, at: tuple[int, int, int]) -> list[float | None]:
    """Return mean, low and high of one head and kind; None where not measured."""
    if of is None:
        return [None] * 3
    values = (float(part[at]) for part in (of.mean, of.low, of.high))
    return [None if math.isnan(value) else round(value, 5) for value in values]


def standings(scores: HeadScores, atlas: HeadAtlas | None) -> list[list[dict[str, str]]]:
    """Return the state of each significant label: confirmed, unconfirmed or not tested yet."""
    untested = "not tested yet" if atlas is None else "unconfirmed"
    return [
        [
            {label.kind: "confirmed" if label.confirmed else untested for label in one}
            for one in layer
        ]
        for layer in labels(scores, None if atlas is None else atlas.confirmed())
    ]


def table(scores: HeadScores, atlas: HeadAtlas | None) -> Iterator[tuple[object, ...]]:
    """Yield a row for every head and kind, with the columns of `COLUMNS`; empty where not measured."""
    measured, stand = parts(scores, atlas), standings(scores, atlas)
    for layer, head in _heads(scores):
        for index, kind in enumerate(scores.kinds):
            values = [
                value for part in measured.values() for value in numbers(part, (layer, head, index))
            ]
            yield (
                layer,
                head,
                kind,
                stand[layer][head].get(kind, ""),
                scores.rows[index],
                *("" if value is None else value for value in values),
            )


def heads_json(scores: HeadScores, atlas: HeadAtlas | None) -> dict[str, Any]:
    """Return everything measured, one entry per head; null where there was too little."""
    measured, stand = parts(scores, atlas), standings(scores, atlas)
    return {
        "address": str(scores.address),
        "corpus": scores.corpus,
        "score, baseline, difference": "share of attention: mean, low, high of a 95 % interval",
        "ablation_on_target, ablation_off_target, effect": (
            "nats a token: mean, low, high of a 95 % interval"
        ),
        "beats its baseline": f"difference at least {EFFECT}, its interval above 0",
        "confirmed": f"effect at least {LEAST_ABLATION_EFFECT}, its interval above 0",
        "rows": {kind: count for kind, count in zip(scores.kinds, scores.rows, strict=True)},
        "heads": [
            {
                "layer": layer,
                "head": head,
                "labels": stand[layer][head],
                "distance": int(scores.distance[layer, head]),
                "kinds": {
                    kind: {
                        name: numbers(part, (layer, head, index)) for name, part in measured.items()
                    }
                    for index, kind in enumerate(scores.kinds)
                },
                "profile": scores.profile[layer, head].round(5).tolist(),
            }
            for layer, head in _heads(scores)
        ],
    }


def parts(scores: HeadScores, atlas: HeadAtlas | None) -> dict[str, Intervals | None]:
    """Return every measured quantity by name; None before heads were ablated."""
    return {
        "score": scores.score,
        "baseline": scores.baseline,
        "difference": scores.difference,
        "ablation_on_target": None if atlas is None else atlas.ablation_on_target,
        "ablation_off_target": None if atlas is None else atlas.ablation_off_target,
        "effect": None if atlas is None else atlas.effect,
    }


def _heads(scores: HeadScores) -> Iterator[tuple[int, int]]:
    layers, heads = scores.distance.shape
    return ((layer, head) for layer in range(layers) for head in range(heads))
