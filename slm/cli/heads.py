"""`slm heads`: what each head does, and the proof."""

import argparse
import math
from itertools import chain
from typing import TYPE_CHECKING

from slm.cli.command import Commands, answer

if TYPE_CHECKING:
    from slm.lens.heads import HeadAtlas


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add("heads", _heads, "What does each head do? Labels that were tested.")
    sub.add_argument("--stories", type=int, default=64, help="nursery stories to read")
    sub.add_argument("--all", action="store_true", help="print heads without a label too")


def _heads(chosen: argparse.Namespace) -> None:
    from rich.console import Console
    from rich.progress import Progress as Bar

    from slm.lens.head_table import as_json
    from slm.lens.heads import HeadAtlas, head_atlas
    from slm.runs import load_checkpoint

    checkpoint = load_checkpoint(chosen.address)
    steps = head_atlas(checkpoint, stories=chosen.stories)
    first = next(steps)  # what cannot be is said before a bar is drawn
    with Bar(console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=1.0)
        for step in chain([first], steps):
            if isinstance(step, HeadAtlas):
                atlas = step
            else:
                bar.update(task, description=step.doing, completed=step.share)
    answer(chosen, as_json(atlas.scores, atlas), lambda: _table(atlas, every=chosen.all))


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
