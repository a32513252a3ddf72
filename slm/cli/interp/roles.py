"""`slm roles`, `slm protagonist`: do neurons have roles, and what is the protagonist's neuron really?"""

import argparse
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from slm.cli.command import Commands, answer, seed, watched
from slm.errors import BadInput

if TYPE_CHECKING:
    from slm.interp.roles.scoring import LayerRoles

NURSERY = "nursery"
BEST = 5
PARTS = ("means", "fires", "contrasts", "fires_more", "effects", "conditions")


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add(
        "roles", _roles, "Do neurons have roles? Chosen on one half, tried on the other."
    )
    sub.add_argument("--corpus", default=NURSERY, help="nursery (its roles), or any (word classes)")
    sub.add_argument("--stories", type=int, help="how many are read; default: 80")
    sub.add_argument("--best", type=int, default=BEST, help="neurons shown of each label")
    sub.add_argument("--seed", type=seed, default=0)

    sub = commands.add(
        "protagonist", _protagonist, "First mention, or any name, or the word after “named”?"
    )
    sub.add_argument("--stories", type=int, help="how many are read; default: 160")
    sub.add_argument("--layer", type=int, help="test this neuron instead of the best")
    sub.add_argument("--neuron", type=int)
    sub.add_argument("--seed", type=seed, default=0)


def _protagonist(chosen: argparse.Namespace) -> None:
    from slm.interp.neurons.activations import ranked_hook
    from slm.interp.roles.protagonist import STORIES, protagonist_test
    from slm.runs import load_checkpoint

    if (chosen.layer is None) != (chosen.neuron is None):
        raise BadInput("--layer and --neuron are given together")
    neuron = None if chosen.layer is None else (chosen.layer, chosen.neuron)
    count = STORIES if chosen.stories is None else chosen.stories
    checkpoint = load_checkpoint(chosen.address)
    tested = watched(protagonist_test(checkpoint, count=count, seed=chosen.seed, neuron=neuron))
    trials = tested.trials
    hook = ranked_hook(checkpoint.config)
    data = {
        "address": str(tested.address),
        "ranked": hook,
        "stories": tested.stories,
        "trials": [_trial(trial) for trial in trials],
    }

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
                f"  {row.value:6.2f}  ({row.low:5.2f} to {row.high:5.2f})  {row.name}, {row.count}"
                for row in rows
            ]
        return "\n".join(lines)

    answer(chosen, data, text)


def _trial(trial: Any) -> dict[str, Any]:
    """A trial as plain values; null where there was nothing to measure."""
    found = {**asdict(trial), "why": trial.why}
    for part in PARTS:
        found[part] = [_numbers(one) for one in getattr(trial, part)]
    return found


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
    data = {
        "address": str(excited.address),
        "corpus": chosen.corpus,
        "stories": excited.stories,
        "words": excited.words,
        "ranked": excited.hook,
        "layers": [
            {"layer": layer, **_shares(one), "inhibited": _shares(inhibited.layers[layer])}
            for layer, one in enumerate(excited.layers)
        ],
        "beside_random_directions": {
            "excited": excited.beside_random,
            "inhibited": inhibited.beside_random,
        },
        "labels": [
            {
                "label": name,
                "words": int(excited.counts[label]),
                "different_words": int(excited.different[label]),
                "confirmed_neurons": excited.confirmed_for(label),
                "inhibited_neurons": inhibited.confirmed_for(label),
                "best": [_numbers(one) for one in excited.best(label, chosen.best)],
            }
            for label, name in enumerate(names)
        ],
        "confirmed": [_numbers(one) for one in excited.confirmed()],
        "inhibited": [_numbers(one) for one in inhibited.confirmed()],
    }

    def text() -> str:
        lines = [
            f"{excited.address}, {excited.stories} stories of {chosen.corpus} ({excited.words} words): "
            "share of neurons with a confirmed role"
        ]
        for found in (excited, inhibited):
            lines.append(f"{found.kind} words of a role")
            lines += [f"  layer {at}: {_beside(layer)}" for at, layer in enumerate(found.layers)]
            lines.append(f"  {found.beside_random}")
        for one in data["labels"]:
            lines.append(
                f"{one['label']}: excites {one['confirmed_neurons']} neurons, "
                f"inhibits {one['inhibited_neurons']}"
            )
            if not one["best"]:
                lines.append("  too rare in these stories")
            lines += [
                f"  layer {b['layer']} neuron {b['neuron']:4}  AUC {_read(b['auc'])} "
                f"({_read(b['low'])} to {_read(b['high'])})  new words {_read(b['unseen'])}  "
                f"same word {_read(b['same_word'])}  fires on {_share(b['fires_on_role'])}, elsewhere on "
                f"{_share(b['fires_elsewhere'])}  {'confirmed' if b['confirmed'] else ''}".rstrip()
                for b in one["best"]
            ]
        return "\n".join(lines)

    answer(chosen, data, text)


def _beside(layer: "LayerRoles") -> str:
    """A layer's share of confirmed neurons beside its controls, in a line."""
    random, ahead = layer.random_directions, layer.lead
    return (
        f"{layer.share:6.1%}   random directions: {random.value:.1%} ({random.low:.1%} to "
        f"{random.high:.1%}), neurons above them by {ahead.value:+.1%} ({ahead.low:+.1%} to "
        f"{ahead.high:+.1%})   labels shuffled: {layer.shuffled.value:.1%}, dealt to other words: "
        f"{layer.dealt.value:.1%}"
    )


def _shares(layer: "LayerRoles") -> dict[str, float]:
    """A layer's share of confirmed neurons beside its controls, as plain values."""
    random, ahead = layer.random_directions, layer.lead
    return {
        "share": layer.share,
        "shuffled_share": layer.shuffled.value,
        "dealt_share": layer.dealt.value,
        "random_directions_share": random.value,
        "random_directions_low": random.low,
        "random_directions_high": random.high,
        "above_random_directions": ahead.value,
        "above_random_directions_low": ahead.low,
        "above_random_directions_high": ahead.high,
    }


def _numbers(finding: Any) -> dict[str, Any]:
    """A finding's fields; null where nothing could be compared."""
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in asdict(finding).items()
    }


def _read(value: float | None) -> str:
    return "  - " if value is None else f"{value:.2f}"


def _share(value: float | None) -> str:
    return "  - " if value is None else f"{value:.1%}"
