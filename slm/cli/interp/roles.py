"""`slm roles`, `slm protagonist`: roles of neurons, and the protagonist test."""

import argparse
import math
from typing import TYPE_CHECKING

from slm.cli.command import Commands, answer, watched
from slm.errors import BadInput
from slm.seeds import parse_seed

if TYPE_CHECKING:
    from slm.interp.roles.scoring import LayerRoles, NeuronRole

NURSERY = "nursery"
BEST = 5


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add(
        "roles",
        _roles,
        "Roles of neurons: labels chosen on half of the stories, tested on the other half.",
    )
    sub.add_argument(
        "--corpus",
        default=NURSERY,
        help="stories that are read: nursery (whose roles are known), or any corpus (word classes)",
    )
    sub.add_argument("--stories", type=int, help="how many stories are read; default: 80")
    sub.add_argument("--best", type=int, default=BEST, help="neurons shown of each label")
    sub.add_argument(
        "--seed",
        type=parse_seed,
        default=0,
        help="seed of the halves and the shuffled labels (controls)",
    )

    sub = commands.add(
        "protagonist",
        _protagonist,
        "The protagonist test: the first mention, any name, or the word after “named”?",
    )
    sub.add_argument("--stories", type=int, help="how many stories are read; default: 160")
    sub.add_argument("--layer", type=int, help="layer of a neuron to test instead of the best ones")
    sub.add_argument("--neuron", type=int, help="its number in that layer")
    sub.add_argument(
        "--seed",
        type=parse_seed,
        default=0,
        help="seed of the halves and the shuffled labels (controls)",
    )


def _protagonist(chosen: argparse.Namespace) -> None:
    from slm.interp.roles.protagonist import STORIES, protagonist_test
    from slm.runs import load_checkpoint

    if (chosen.layer is None) != (chosen.neuron is None):
        raise BadInput("--layer and --neuron are given together")
    neuron = None if chosen.layer is None else (chosen.layer, chosen.neuron)
    count = STORIES if chosen.stories is None else chosen.stories
    checkpoint = load_checkpoint(chosen.address)
    tested = watched(protagonist_test(checkpoint, count=count, seed=chosen.seed, neuron=neuron))
    trials, hook = tested.trials, tested.hook

    def text() -> str:
        lines = [f"{tested.address}, {count} nursery stories, tested on those it was not chosen on"]
        for trial in trials:
            lines.append(f"layer {trial.layer} neuron {trial.neuron}: {trial.verdict}")
        lines.append(f"the first is called “{trials[0].verdict}” because {trials[0].why}")
        for title, rows in (
            ("mean activation in stories, 0 where it does not fire", trials[0].means),
            ("share of words on which it fires", trials[0].fires),
            (f"AUC of {hook}", trials[0].contrasts),
            ("fires more often by", trials[0].fires_more),
            ("what each cause adds to the activation", trials[0].effects),
            ("mean activation at the end of sentences of ours", trials[0].conditions),
        ):
            lines.append(title)
            lines += [
                f"  {row.mean:6.2f}  ({row.low:5.2f} to {row.high:5.2f})  {name}, {row.n}"
                for name, row in rows.items()
            ]
        return "\n".join(lines)

    answer(chosen, tested.to_json(), text)


def _roles(chosen: argparse.Namespace) -> None:
    from slm.interp.roles.scoring import STORIES, score_roles
    from slm.runs import load_checkpoint
    from slm.stories.annotation.labelled import labelled

    checkpoint = load_checkpoint(chosen.address)
    count = STORIES if chosen.stories is None else chosen.stories
    if count < 1:
        raise BadInput(f"--stories must be at least 1, not {count}")
    names, stories = labelled(checkpoint.tokenizer, chosen.corpus, count, seed=chosen.seed)
    roles = watched(score_roles(checkpoint, stories, names, seed=chosen.seed))
    excited, inhibited = roles.excited, roles.inhibited
    data = {"corpus": chosen.corpus, **roles.to_json(chosen.best)}

    def text() -> str:
        lines = [
            f"{excited.address}, {excited.stories} stories of {chosen.corpus} ({excited.words} words): "
            "share of neurons with a confirmed role"
        ]
        for found in (excited, inhibited):
            lines.append(f"{found.kind} words of a role")
            lines += [f"  layer {at}: {_beside(layer)}" for at, layer in enumerate(found.layers)]
            lines.append(f"  {found.beside_random}")
        for label, name in enumerate(names):
            lines.append(
                f"{name}: excites {excited.confirmed_for(label)} neurons, "
                f"inhibits {inhibited.confirmed_for(label)}"
            )
            best = excited.best(label, chosen.best)
            lines += [_line(one) for one in best] or ["  too rare in these stories"]
        return "\n".join(lines)

    answer(chosen, data, text)


def _line(one: "NeuronRole") -> str:
    return (
        f"  layer {one.layer} neuron {one.neuron:4}  AUC {_read(one.auc)} "
        f"({_read(one.low)} to {_read(one.high)})  new words {_read(one.unseen)}  "
        f"same word {_read(one.same_word)}  fires on {_share(one.fires_on_role)}, elsewhere on "
        f"{_share(one.fires_elsewhere)}  {'confirmed' if one.confirmed else ''}"
    ).rstrip()


def _beside(layer: "LayerRoles") -> str:
    """Format a layer's share of confirmed neurons beside its controls."""
    random, ahead = layer.random_directions, layer.above_random
    return (
        f"{layer.share.value:6.1%}   random directions: {random.interval.to_text('.1%')}, "
        f"neurons above them by {ahead.to_text('+.1%')}   labels shuffled: {layer.shuffled.value:.1%}, "
        f"dealt to other words: {layer.dealt.value:.1%}"
    )


def _read(value: float) -> str:
    return "  - " if math.isnan(value) else f"{value:.2f}"


def _share(value: float) -> str:
    return "  - " if math.isnan(value) else f"{value:.1%}"
