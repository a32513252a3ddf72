"""`slm overview`: what is worth seeing of a checkpoint, measured once and kept with its run."""

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from slm.cli.command import Commands, answer, watched

if TYPE_CHECKING:
    from slm.overview.records import Overview


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add(
        "overview",
        _overview,
        "What is worth seeing of a model? Labelled heads, neurons with roles, finds.",
        address=False,
    )
    sub.add_argument("addresses", nargs="+", metavar="ADDRESS", help="run or run@step")
    sub.add_argument("--measure", action="store_true", help="measure what is not kept yet")


def _overview(chosen: argparse.Namespace) -> None:
    from slm.errors import BadInput
    from slm.overview.kept import kept_overview
    from slm.overview.measuring import measure_overview
    from slm.runs import resolve

    found = []
    for address in chosen.addresses:
        resolve(address)
    for address in chosen.addresses:
        one = watched(measure_overview(address)) if chosen.measure else kept_overview(address)
        if one is None:
            raise BadInput(f"no overview of {address} is kept yet: measure it with --measure")
        found.append(one)
    answer(
        chosen,
        {"overviews": [asdict(one) for one in found]},
        lambda: "\n\n".join(map(_told, found)),
    )


def _told(one: "Overview") -> str:
    heads, best = one.heads.strongest(), one.neurons.best
    lines = [
        f"{one.address}: {len({(h.layer, h.head) for h in one.heads.confirmed})} of {one.heads.count} "
        "heads have a confirmed label",
        *(
            f"  head {h.layer}.{h.head}  {h.name}: {h.score:.1%} of attention, baseline "
            f"{h.baseline:.1%}; ablation effect {h.effect:+.3f} nats ({h.effect_low:+.3f} to "
            f"{h.effect_high:+.3f})"
            for h in heads.values()
        ),
        *(
            f"layer {at}: {layer.confirmed_share:.1%} of neurons have a confirmed role, of random "
            f"directions {layer.random_directions_share:.1%}"
            for at, layer in enumerate(one.neurons.layers)
        ),
        *(
            f"  neuron {n.layer}.{n.neuron}  {n.role}: AUC {n.auc:.3f} ({n.low:.3f} to {n.high:.3f}), "
            f"shuffled labels at most {n.threshold:.3f}"
            for n in best[:8]
        ),
    ]
    if one.prediction:
        lines += [
            "the prediction with the largest ablation effect",
            *(f"  {answer.view}: {answer.says}" for answer in one.prediction.answers),
        ]
    if one.pair:
        lines.append(one.pair.says)
    lines += [f"{'found' if find.found else 'none'}: {find.says}" for find in one.finds]
    return "\n".join(lines)
