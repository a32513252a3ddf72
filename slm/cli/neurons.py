"""`slm neurons build|top|find`: what excites each neuron."""

import argparse
from dataclasses import asdict

from slm.cli.command import Commands, answer


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    neurons = commands.group("neurons", "What excites each neuron?")
    sub = neurons.add("build", _build, "Read a corpus and keep each neuron's extremes.")
    sub.add_argument("--corpus", required=True)
    sub = neurons.add("top", _top, "The tokens that excite one neuron most.")
    sub.add_argument("--layer", type=int, required=True)
    sub.add_argument("--neuron", type=int, required=True)
    sub.add_argument("--k", type=int, default=20)
    sub = neurons.add("find", _find, "Which neurons does a token excite?")
    sub.add_argument("--token", required=True, help='such as " park"')
    sub.add_argument("--k", type=int, default=20)


def _build(chosen: argparse.Namespace) -> None:
    from rich.console import Console
    from rich.progress import Progress

    from slm.lens.neuron_index import build_index
    from slm.runs import load_checkpoint

    checkpoint = load_checkpoint(chosen.address)
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("reading stories", total=1.0)
        for reading in build_index(checkpoint, chosen.corpus):
            bar.update(task, completed=reading.share)
    data = {"address": str(checkpoint.address), **asdict(reading)}
    answer(chosen, data, lambda: f"{reading.tokens} tokens of {reading.stories} stories read")


def _top(chosen: argparse.Namespace) -> None:
    from slm.lens.neuron_index import open_index
    from slm.runs import load_checkpoint

    checkpoint = load_checkpoint(chosen.address)
    index = open_index(checkpoint)
    examples = index.top(checkpoint, chosen.layer, chosen.neuron, k=chosen.k)
    data = {
        "address": str(checkpoint.address),
        "layer": chosen.layer,
        "neuron": chosen.neuron,
        "examples": [
            {
                "story": example.story,
                "position": example.position,
                "activation": example.activation,
                "token": example.pieces[example.position],
                "context": "".join(example.context()),
            }
            for example in examples
        ],
    }
    answer(
        chosen,
        data,
        lambda: "\n".join(
            f"{e['activation']:8.3f}  {e['token']!r:14} {e['context']!r}" for e in data["examples"]
        ),
    )


def _find(chosen: argparse.Namespace) -> None:
    from slm.lens.neuron_index import open_index
    from slm.runs import load_checkpoint

    checkpoint = load_checkpoint(chosen.address)
    found = open_index(checkpoint).find(checkpoint, chosen.token, k=chosen.k)
    data = {
        "address": str(checkpoint.address),
        "token": chosen.token,
        "neurons": [asdict(hit) for hit in found],
    }
    answer(
        chosen,
        data,
        lambda: (
            "\n".join(
                f"layer {hit.layer} neuron {hit.neuron}: {hit.count} of its top examples, "
                f"at most {hit.activation:.3f}"
                for hit in found
            )
            or f"no neuron has {chosen.token!r} among its top examples"
        ),
    )
