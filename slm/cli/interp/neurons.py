"""`slm neurons build|top|show|tokens|find`: what excites each neuron, and what it writes."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from slm.cli.command import Commands, answer, typed
from slm.errors import BadInput

if TYPE_CHECKING:
    from slm.interp.neurons.index import Index
    from slm.interp.neurons.search import FoundNeuron
    from slm.runs import Checkpoint


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    neurons = commands.group(
        "neurons", "Top activations, firing rates and logit effects of neurons."
    )
    sub = neurons.add(
        "build", _build, "Build the index: read a corpus, keep each neuron's top activations."
    )
    sub.add_argument("--corpus", required=True, help="stories, as slm train takes them")
    sub.add_argument(
        "--again", action="store_true", help="build it from the start, whatever is there"
    )
    sub = neurons.add("top", _top, "Top activations: the places where one neuron is highest.")
    _add_neuron(sub)
    sub.add_argument("--k", type=int, default=20, help="how many places")
    sub.add_argument("--weakest", action="store_true", help="the lowest places instead")
    sub = neurons.add(
        "show", _show, "One neuron: firing rate, distribution, tokens promoted and suppressed."
    )
    _add_neuron(sub)
    sub.add_argument("--k", type=int, default=10, help="how many tokens at either end")
    sub = neurons.add(
        "tokens", _tokens, "Top tokens: mean and highest value of one neuron on each token."
    )
    _add_neuron(sub)
    sub.add_argument("--k", type=int, default=10, help="how many tokens")
    sub.add_argument("--least", type=int, default=2, help="tokens that occur at least so often")
    sub.add_argument("--stories", type=int, default=200, help="the first so many stories are read")
    sub = neurons.add("find", _find, "Neurons by a token, by a place in a text, or by rarity.")
    sub.add_argument("--token", help='which keep to this token, such as " park"')
    sub.add_argument(
        "--text", type=typed, help="which fire most, against their own spread, in this text"
    )
    sub.add_argument(
        "--token-position", type=int, help="at this token of it; 0 is the story's start"
    )
    for name, about in (
        ("rare", "which fire least often, though they do"),
        ("selective", "whose strongest places are one and the same token"),
        ("dead", "whose pre-activation (gated: activation) is nowhere above --threshold"),
    ):
        sub.add_argument(f"--{name}", action="store_true", help=about)
    sub.add_argument("--threshold", type=float, default=0.0, help="of --dead")
    sub.add_argument("--k", type=int, default=20, help="how many neurons")
    _add_shipped(sub)


def _add_neuron(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--layer", type=int, required=True, help="its layer, counted from 0")
    sub.add_argument("--neuron", type=int, required=True, help="its number in the layer, from 0")
    _add_shipped(sub)


def _add_shipped(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--shipped", action="store_true", help="over the shipped stories instead of the built index"
    )


def _index(chosen: argparse.Namespace, checkpoint: "Checkpoint") -> "Index":
    from slm.interp.neurons.index import open_index, shipped_index

    return shipped_index(checkpoint) if chosen.shipped else open_index(checkpoint)


def _build(chosen: argparse.Namespace) -> None:
    from rich.console import Console
    from rich.progress import Progress

    from slm.interp.neurons.build import build_index
    from slm.runs import load_checkpoint

    checkpoint = load_checkpoint(chosen.address)
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("reading stories", total=1.0)
        for reading in build_index(checkpoint, chosen.corpus, again=chosen.again):
            bar.update(task, completed=reading.share)
    data = {"address": str(checkpoint.address), **asdict(reading)}
    answer(chosen, data, lambda: f"{reading.tokens} tokens of {reading.stories} stories read")


def _top(chosen: argparse.Namespace) -> None:
    from slm.interp.neurons.activations import ranked_name
    from slm.interp.neurons.summary import examples_json
    from slm.runs import load_checkpoint

    checkpoint = load_checkpoint(chosen.address)
    config = checkpoint.config
    examples = _index(chosen, checkpoint).top(
        checkpoint, chosen.layer, chosen.neuron, k=chosen.k, strongest=not chosen.weakest
    )

    def text() -> str:
        lines = [f"{ranked_name(config):>14}  activation  token"]
        lines += [
            f"{one.value:14.3f}  {one.activation:10.4f}  {one.str_tokens[one.position]!r:14} "
            f"{''.join(one.context())!r}"
            for one in examples
        ]
        return "\n".join(lines)

    answer(chosen, examples_json(checkpoint, chosen.layer, chosen.neuron, examples), text)


def _show(chosen: argparse.Namespace) -> None:
    from slm.interp.neurons.activations import ranked_name
    from slm.interp.neurons.logits import writes
    from slm.interp.neurons.summary import NeuronSummary
    from slm.runs import load_checkpoint

    checkpoint = load_checkpoint(chosen.address)
    written = writes(checkpoint, chosen.layer, chosen.neuron, k=chosen.k)
    index = _index(chosen, checkpoint)
    found = NeuronSummary(checkpoint=checkpoint, index=index, writes=written)
    at = chosen.layer, chosen.neuron

    def text() -> str:
        lines = [
            f"{checkpoint.address}, layer {at[0]}, neuron {at[1]}, over {index.n_tokens:,} tokens "
            f"of {index.corpus}",
            f"fires on {index.fires[at]:.2%} of them; {found.less} of its layer's "
            f"{index.fires.shape[1]} neurons fire less",
            f"{ranked_name(checkpoint.config)}: lowest {index.lowest[at]:.3f}, highest "
            f"{index.highest[at]:.3f}; not above, on this share:",
            "  " + "  ".join(f"{s:.1%} {v:.3f}" for s, v in found.percentiles.items()),
        ]
        for name, tokens in (("promotes", written.promotes), ("suppresses", written.suppresses)):
            lines.append(name + ": " + ", ".join(f"{token!r} {v:+.3f}" for token, v in tokens))
        return "\n".join(lines)

    answer(chosen, found.to_json(), text)


def _tokens(chosen: argparse.Namespace) -> None:
    from slm.interp.neurons.activations import ranked_name
    from slm.interp.neurons.top_tokens import token_values, top_tokens_json
    from slm.runs import load_checkpoint

    checkpoint, at = load_checkpoint(chosen.address), (chosen.layer, chosen.neuron)
    index = _index(chosen, checkpoint)
    values = token_values(checkpoint, index, chosen.stories)
    top = values.top(index, checkpoint, *at, k=chosen.k, least=chosen.least)

    def text() -> str:
        name = ranked_name(checkpoint.config)
        lines = [
            f"{name} over {values.n_tokens:,} tokens of {values.n_stories:,} stories of {index.corpus}",
            f"{'token':16} {'mean':>8} {'highest':>8} {'occurs':>7}  of the strongest places",
        ]
        lines += [
            f"{one.token!r:16} {one.mean:8.3f} {one.highest:8.3f} {one.count:7,}  {one.of_strongest:.0%}"
            for one in top
        ]
        return "\n".join(lines)

    answer(chosen, top_tokens_json(checkpoint, *at, index, values, top), text)


def _find(chosen: argparse.Namespace) -> None:
    from slm.interp.neurons import search as neuron_search
    from slm.interp.neurons.activations import ranked_hook, ranked_name
    from slm.runs import load_checkpoint

    asked = [
        name
        for name in ("token", "text", "rare", "selective", "dead")
        if getattr(chosen, name) not in (None, False)
    ]
    if len(asked) != 1:
        raise BadInput("find neurons by one of --token, --text, --rare, --selective and --dead")
    if (chosen.text is None) != (chosen.token_position is None):
        raise BadInput("--text and --token-position belong together")
    checkpoint = load_checkpoint(chosen.address)
    index = _index(chosen, checkpoint)
    name = ranked_name(checkpoint.config)
    data: dict[str, Any] = {
        "address": str(checkpoint.address),
        "hook": ranked_hook(checkpoint.config),
    }
    if chosen.dead:
        dead = index.dead(chosen.threshold)
        data |= {"threshold": chosen.threshold, "of": index.fired.size, "neurons": dead}
        answer(
            chosen,
            data,
            lambda: "\n".join(
                [
                    f"{len(dead)} of {index.fired.size} neurons have a {name} nowhere above "
                    f"{chosen.threshold:g}",
                    *(f"layer {layer} neuron {neuron}" for layer, neuron in dead),
                ]
            ),
        )
        return
    if chosen.token is not None:
        data["token"] = chosen.token
        found = neuron_search.by_token(index, checkpoint, chosen.token, k=chosen.k)
        nothing = f"no neuron has {chosen.token!r} among its strongest places"
    elif chosen.text is not None:
        tokens = checkpoint.tokenizer.encode_story(chosen.text)
        at = chosen.token_position
        found = neuron_search.by_place(index, checkpoint, tokens, at, k=chosen.k)
        data |= {"position": at, "token": checkpoint.tokenizer.to_str_tokens(tokens)[at]}
        nothing = "no neuron fires there"
    else:
        search = neuron_search.rarest if chosen.rare else neuron_search.most_selective
        found = search(index, checkpoint, k=chosen.k)
        nothing = "no neuron fires anywhere"
    data["neurons"] = [asdict(one) for one in found]
    answer(chosen, data, lambda: _table(found, name) or nothing)


def _table(found: Sequence["FoundNeuron"], name: str) -> str:
    lines = []
    for one in found:
        line = f"layer {one.layer} neuron {one.neuron}: "
        if one.value is not None:
            line += f"{name} {one.value:.3f}, "
        if one.above is not None:
            line += f"as high on {one.above:.3%} of all tokens, "
        line += f"fires on {one.fires:.2%}, {one.count} of its strongest places are {one.token!r}"
        lines.append(line)
    return "\n".join(lines)
