"""`slm heads`: what each head does, and the proof."""

import argparse
import math
from typing import TYPE_CHECKING, Any

from slm.cli.command import Commands, answer

if TYPE_CHECKING:
    from slm.lens.estimates import Estimates
    from slm.lens.heads import HeadAtlas


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add("heads", _heads, "What does each head do? Labels that were tested.")
    sub.add_argument("--stories", type=int, default=64, help="nursery stories to read")
    sub.add_argument("--all", action="store_true", help="print heads without a label too")


def _heads(chosen: argparse.Namespace) -> None:
    from rich.console import Console
    from rich.progress import Progress

    from slm.lens.heads import Done, head_atlas
    from slm.runs import load_checkpoint

    checkpoint = load_checkpoint(chosen.address)
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("reading stories", total=None)
        for step in head_atlas(checkpoint, stories=chosen.stories):
            if isinstance(step, Done):
                bar.update(
                    task, description="switching off heads", total=step.of, completed=step.heads
                )
            else:
                atlas = step
    answer(chosen, to_json(atlas), lambda: _table(atlas, every=chosen.all))


def to_json(atlas: "HeadAtlas") -> dict[str, Any]:
    """Everything that was measured, a dictionary a head; null where there was too little."""
    from slm.lens.head_scores import EFFECT
    from slm.lens.head_targets import KINDS
    from slm.lens.heads import HARM

    scores = atlas.scores
    layers, heads = scores.distance.shape

    def numbers(of: "Estimates", at: tuple[int, int, int]) -> list[float | None]:
        values = (float(part[at]) for part in (of.mean, of.low, of.high))
        return [None if math.isnan(value) else round(value, 5) for value in values]

    return {
        "address": str(atlas.address),
        "a score is": "share of attention: mean and 95 % interval",
        "an effect is": "nats a token: mean and 95 % interval",
        "beats its baseline": f"difference at least {EFFECT}, its interval above 0",
        "confirmed": f"effect at least {HARM}, its interval above 0",
        "rows": {str(kind): count for kind, count in zip(KINDS, scores.rows, strict=True)},
        "heads": [
            {
                "layer": layer,
                "head": head,
                "labels": [
                    {"name": label.name, "confirmed": label.confirmed}
                    for label in atlas.labels(layer, head)
                ],
                "distance": int(scores.distance[layer, head]),
                "kinds": {
                    str(kind): {
                        "score": numbers(scores.score, (layer, head, index)),
                        "baseline": numbers(scores.baseline, (layer, head, index)),
                        "difference": numbers(scores.difference, (layer, head, index)),
                        "harm": numbers(atlas.harm, (layer, head, index)),
                        "elsewhere": numbers(atlas.elsewhere, (layer, head, index)),
                        "effect": numbers(atlas.effect, (layer, head, index)),
                    }
                    for index, kind in enumerate(KINDS)
                },
                "profile": scores.profile[layer, head].round(5).tolist(),
            }
            for layer in range(layers)
            for head in range(heads)
        ],
    }


def _table(atlas: "HeadAtlas", *, every: bool) -> str:
    from slm.lens.head_targets import KINDS

    scores, confirmed = atlas.scores, atlas.confirmed()
    layers, heads = scores.distance.shape
    with_label = scores.beats().any(-1)
    lines = [
        f"{atlas.address}: {layers * heads} heads, {int(confirmed.any(-1).sum())} with a confirmed "
        f"label, {int((with_label & ~confirmed.any(-1)).sum())} unconfirmed, "
        f"{int((~with_label).sum())} unclassified",
        "head   label                  attention  baseline  difference (95 %)"
        "       effect of switching it off, nats (95 %)",
    ]
    for layer in range(layers):
        for head in range(heads):
            labels = atlas.labels(layer, head)
            if not labels and every:
                lines.append(f"{f'{layer}.{head}':6} unclassified")
            for label in labels:
                at = layer, head, KINDS.index(label.kind)
                above, effect = scores.difference, atlas.effect
                cost = (
                    "not measured"
                    if math.isnan(effect.mean[at])
                    else f"{effect.mean[at]:+.3f} ({effect.low[at]:+.3f} to {effect.high[at]:+.3f})"
                )
                lines.append(
                    f"{f'{layer}.{head}':6} {label.name:22} {scores.score.mean[at]:9.1%} "
                    f"{scores.baseline.mean[at]:9.1%}  {above.mean[at]:6.1%} "
                    f"({above.low[at]:.1%} to {above.high[at]:.1%})".ljust(80)
                    + cost
                    + ("" if label.confirmed else "  unconfirmed")
                )
    return "\n".join(lines)
