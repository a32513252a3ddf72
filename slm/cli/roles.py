"""`slm roles`, `slm protagonist`: do neurons have roles, and what is the protagonist's neuron really?"""

import argparse
import math
from dataclasses import asdict
from typing import Any

from slm.cli.command import Commands, answer, seed, watched
from slm.errors import BadInput

NURSERY = "nursery"
BEST = 5


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
    from slm.lens.protagonist import STORIES, protagonist_test
    from slm.runs import load_checkpoint

    if (chosen.layer is None) != (chosen.neuron is None):
        raise BadInput("--layer and --neuron are given together")
    neuron = None if chosen.layer is None else (chosen.layer, chosen.neuron)
    count = STORIES if chosen.stories is None else chosen.stories
    checkpoint = load_checkpoint(chosen.address)
    tested = watched(protagonist_test(checkpoint, count=count, seed=chosen.seed, neuron=neuron))
    trials = tested.trials
    data = {
        "address": str(tested.address),
        "stories": tested.stories,
        "trials": [_trial(trial) for trial in trials],
    }

    def text() -> str:
        lines = [f"{tested.address}, {count} nursery stories, tested on those it was not chosen on"]
        for trial in trials:
            lines.append(f"layer {trial.layer} neuron {trial.neuron}: {trial.verdict}")
        lines.append(f"the first is called “{trials[0].verdict}” because {trials[0].why}")
        for title, rows in (
            ("mean activation in stories", trials[0].means),
            ("AUC", trials[0].contrasts),
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
    for part in ("means", "contrasts", "effects", "conditions"):
        found[part] = [_numbers(one) for one in getattr(trial, part)]
    return found


def _roles(chosen: argparse.Namespace) -> None:
    from slm.lens.roles import STORIES, score_roles
    from slm.runs import load_checkpoint
    from slm.stories.labelled import labelled

    checkpoint = load_checkpoint(chosen.address)
    count = STORIES if chosen.stories is None else chosen.stories
    if count < 1:
        raise BadInput(f"--stories must be at least 1, not {count}")
    names, stories = labelled(checkpoint.tokenizer, chosen.corpus, count, seed=chosen.seed)
    roles = watched(score_roles(checkpoint, stories, names, seed=chosen.seed))
    data = {
        "address": str(roles.address),
        "corpus": chosen.corpus,
        "stories": roles.stories,
        "words": roles.words,
        "layers": [
            {
                "layer": layer,
                "confirmed_share": there.share,
                "shuffled_share": there.shuffled_share,
                "dealt_share": there.dealt_share,
            }
            for layer, there in enumerate(roles.layers)
        ],
        "labels": [
            {
                "label": name,
                "words": int(roles.counts[label]),
                "different_words": int(roles.different[label]),
                "confirmed_neurons": roles.confirmed_for(label),
                "best": [_numbers(one) for one in roles.best(label, chosen.best)],
            }
            for label, name in enumerate(names)
        ],
    }

    def text() -> str:
        lines = [
            f"{roles.address}: share of neurons with a confirmed role, {roles.stories} stories of "
            f"{chosen.corpus} ({roles.words} words)"
        ]
        for layer, there in enumerate(roles.layers):
            lines.append(
                f"  layer {layer}: {there.share:6.1%}   labels shuffled: {there.shuffled_share:.1%}"
                f"   dealt to other words: at most {there.dealt_share:.1%}"
            )
        for one in data["labels"]:
            lines.append(f"{one['label']}: {one['confirmed_neurons']} neurons")
            if not one["best"]:
                lines.append("  too rare in these stories")
            lines += [
                f"  layer {b['layer']} neuron {b['neuron']:4}  AUC {_read(b['auc'])} "
                f"({_read(b['low'])} to {_read(b['high'])})  new words {_read(b['unseen'])}  "
                f"same word {_read(b['same_word'])}  {'confirmed' if b['confirmed'] else ''}".rstrip()
                for b in one["best"]
            ]
        return "\n".join(lines)

    answer(chosen, data, text)


def _numbers(finding: Any) -> dict[str, Any]:
    """A finding's fields; null where nothing could be compared."""
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in asdict(finding).items()
    }


def _read(value: float | None) -> str:
    return "  - " if value is None else f"{value:.2f}"
