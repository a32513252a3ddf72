"""`python -m slm …`: every page has its twin here, with the same numbers.

Results go to standard output (`--json` prints one JSON object), progress to standard error. Bad
input ends with exit code 2 and one line saying what was expected and what came.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from slm.errors import BadInput


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    parser = _parser()
    try:
        chosen = parser.parse_args(arguments)
        chosen.command(chosen)
    except BadInput as error:
        return _complain(error, 2)
    except ArithmeticError as error:
        return _complain(error, 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _complain(error, 1)
    except KeyboardInterrupt:
        return 130
    return 0


def _complain(error: Exception, code: int) -> int:
    print(f"slm: {' '.join(str(error).split())}", file=sys.stderr)
    return code


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message} (see {self.prog} --help)")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="slm", description="Train tiny storytellers and look inside them.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    def command(
        name: str, run: Callable[[argparse.Namespace], None], help: str, address: bool = True
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help, description=help)
        sub.set_defaults(command=run)
        if address:
            sub.add_argument("address", help="run or run@step")
        sub.add_argument("--json", action="store_true", help="print one JSON object")
        return sub

    sub = command("train", _train, "Train a model on stories.", address=False)
    sub.add_argument("--name", required=True, help="the run's name")
    sub.add_argument("--corpus", default="nursery", help="stories: a path, a hub name, or nursery")
    sub.add_argument("--valid", help="validation stories; default: held out of the corpus")
    sub.add_argument("--shape", default="64x2x4", help="d_model x n_layers x n_heads, or a preset")
    sub.add_argument("--tokens", type=_count, help="how many to read, such as 20M")
    sub.add_argument("--minutes", type=float, help="how long to train, instead of --tokens")
    sub.add_argument("--vocab", type=int, help="size of the vocabulary (4096)")
    sub.add_argument("--context", type=int, help="n_ctx, in tokens (256)")
    sub.add_argument("--batch", type=int, default=16, help="rows a step")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--checkpoints", type=int, default=20, help="besides the early ones")
    sub.add_argument(
        "--precision",
        default="auto",
        help="of matrix products: float32, bfloat16, or auto for whichever is faster here",
    )
    sub.add_argument("--resume", action="store_true", help="go on with this run")

    command("runs", _runs, "List the runs there are.", address=False)

    sub = command("eval", _eval, "Measure the loss on a corpus.")
    sub.add_argument("--corpus", required=True)

    sub = command("sample", _sample, "Write stories.")
    sub.add_argument("--prompt", default="Once upon a time")
    sub.add_argument("-n", type=int, default=1, help="how many")
    sub.add_argument("--max-tokens", type=int, default=200)
    sub.add_argument("--temperature", type=float, default=1.0)
    sub.add_argument("--top-k", type=int)
    sub.add_argument("--top-p", type=float)
    sub.add_argument("--seed", type=int, default=0)

    sub = command("attention", _attention, "Where does each head look?")
    sub.add_argument("--text", required=True)

    sub = commands.add_parser("neurons", help="What excites each neuron?")
    neurons = sub.add_subparsers(required=True, metavar="build|top|find", parser_class=_Parser)
    commands_before, commands = commands, neurons
    sub = command("build", _neurons_build, "Read a corpus and keep each neuron's extremes.")
    sub.add_argument("--corpus", required=True)
    sub = command("top", _neurons_top, "The tokens that excite one neuron most.")
    sub.add_argument("--layer", type=int, required=True)
    sub.add_argument("--neuron", type=int, required=True)
    sub.add_argument("--k", type=int, default=20)
    sub = command("find", _neurons_find, "Which neurons does a token excite?")
    sub.add_argument("--token", required=True, help='such as " park"')
    sub.add_argument("--k", type=int, default=20)
    commands = commands_before

    sub = command("grade", _grade, "Let a judge grade the model's stories.")
    sub.add_argument("--prompts", help="openings: .txt, .json or .yaml; default: the fifty shipped")
    sub.add_argument("--samples", type=int, default=10, help="completions of each opening")
    sub.add_argument("--judge", default="gpt-4o", help="the judge's model name")
    sub.add_argument("--base-url", help="any OpenAI-compatible server")
    sub.add_argument("--max-cost", type=float, help="US dollars never to be passed")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--resume", action="store_true", help="the default: nothing is paid twice")
    return parser


def _count(text: str) -> int:
    """Read 20M, 500k or 1000000."""
    scale = {"k": 10**3, "m": 10**6, "b": 10**9}.get(text[-1:].lower(), 1)
    try:
        return int(float(text[:-1] if scale > 1 else text) * scale)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"a count is a number such as 500000, 500k or 20M, not {text!r}"
        ) from None


def _print(chosen: argparse.Namespace, data: dict[str, Any], text: Callable[[], str]) -> None:
    print(json.dumps(data, ensure_ascii=False) if chosen.json else text())


def _train(chosen: argparse.Namespace) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from slm.model.config import PRESETS, ModelConfig, parse_shape
    from slm.runs import open_run
    from slm.training import job
    from slm.training.recipe import Recipe

    if chosen.tokens is not None and chosen.minutes is not None:
        raise BadInput("give --tokens or --minutes, not both")
    if chosen.minutes is not None and not 0 < chosen.minutes < 1e6:
        raise BadInput(f"--minutes must be above 0, not {chosen.minutes}")
    stopping = False

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    console = Console(stderr=True)

    def stage(name: str, share: float | None) -> None:
        if console.is_terminal:
            console.print(f"{name} …", style="dim")

    if chosen.resume:
        updates = job.resume(chosen.name, stop=lambda: stopping, progress=stage)
    else:
        config = PRESETS.get(chosen.shape)
        if config is None:
            d_model, n_layers, n_heads = parse_shape(chosen.shape)
            config = ModelConfig(d_model=d_model, n_layers=n_layers, n_heads=n_heads, d_vocab=4096)
        config = replace(
            config,
            d_vocab=config.d_vocab if chosen.vocab is None else chosen.vocab,
            n_ctx=config.n_ctx if chosen.context is None else chosen.context,
        )
        tokens = 20_000_000 if chosen.tokens is None else chosen.tokens
        plan = job.Plan(
            name=chosen.name,
            config=config,
            corpus=chosen.corpus,
            valid=chosen.valid,
            recipe=Recipe(
                tokens=tokens,
                batch=chosen.batch,
                seed=chosen.seed,
                checkpoints=chosen.checkpoints,
                precision=chosen.precision,
            ),
            minutes=chosen.minutes,
        )
        updates = job.start(plan, stop=lambda: stopping, progress=stage)

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[shown]}"),
        TimeRemainingColumn(),
    )
    first = next(updates)
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(chosen.name, total=first.steps, shown="starting")
        for update in chain([first], updates):
            shown = f"loss {update.loss:.3f}  {update.tokens_per_second:,.0f} tokens/s"
            bar.update(task, completed=update.step, total=update.steps, shown=shown)
    run = open_run(chosen.name)
    described = _described(chosen.name)
    _print(
        chosen,
        described,
        lambda: (
            f"{chosen.name}: {run.status} at step {described['last_step']}, "
            f"{described['val_bits_per_byte'] or float('nan'):.3f} bits per byte"
        ),
    )


def _described(name: str) -> dict[str, Any]:
    from slm.model.config import count_parameters
    from slm.runs import open_run

    run = open_run(name)
    info, last = run.info, run.last_validation()
    return {
        "name": run.name,
        "shape": info.config.shape,
        "parameters": count_parameters(info.config).total,
        "steps": run.steps,
        "last_step": run.last_step,
        "val_loss": last.val_loss if last else None,
        "val_bits_per_byte": last.val_bits_per_byte if last else None,
        "corpus": info.corpus.get("train"),
        "status": run.status,
    }


def _runs(chosen: argparse.Namespace) -> None:
    from slm.runs import list_runs

    runs = [_described(run.name) for run in list_runs()]

    def text() -> str:
        if not runs:
            return "no runs yet; make one: python -m slm train --name first --minutes 5"
        return "\n".join(
            f"{run['name']:20} {run['shape']:>10} {run['parameters']:>10,} parameters  "
            f"step {run['last_step']}  "
            + (
                f"{bits:.3f} bits/byte"
                if (bits := run["val_bits_per_byte"])
                else "not measured yet"
            )
            + f"  {run['status']}"
            for run in runs
        )

    print(json.dumps(runs)) if chosen.json else print(text())


def _eval(chosen: argparse.Namespace) -> None:
    from slm.judging.loss import story_loss
    from slm.runs import load_checkpoint
    from slm.stories.cleaning import CleaningReport, clean
    from slm.stories.sources import open_source

    checkpoint = load_checkpoint(chosen.address)
    source = open_source(chosen.corpus, "valid")
    stories = [
        checkpoint.tokenizer.encode_story(story) for story in clean(source.raw(), CleaningReport())
    ]
    if not stories:
        raise BadInput(f"the corpus {chosen.corpus!r} holds no story that survives cleaning")
    loss = story_loss(checkpoint.weights, checkpoint.tokenizer, stories)
    data = {
        "address": str(checkpoint.address),
        "stories": loss.stories,
        "tokens": loss.tokens,
        "bytes": loss.bytes,
        "loss": loss.loss,
        "bits_per_byte": loss.bits_per_byte,
    }
    _print(
        chosen,
        data,
        lambda: (
            f"{checkpoint.address}: {loss.loss:.4f} nats per token, {loss.bits_per_byte:.4f} bits "
            f"per byte over {loss.stories} stories, {loss.tokens} tokens, {loss.bytes} bytes"
        ),
    )


def _sample(chosen: argparse.Namespace) -> None:
    from slm.runs import load_checkpoint
    from slm.writing.sampler import Sampling, complete

    if chosen.n < 1:
        raise BadInput(f"-n must be at least 1, not {chosen.n}")
    sampling = Sampling(
        temperature=chosen.temperature,
        top_k=chosen.top_k,
        top_p=chosen.top_p,
        max_tokens=chosen.max_tokens,
        seed=chosen.seed,
    )
    checkpoint = load_checkpoint(chosen.address)
    completions = complete(checkpoint, [chosen.prompt] * chosen.n, sampling)
    data = {
        "address": str(checkpoint.address),
        "prompt": chosen.prompt,
        "sampling": asdict(sampling),
        "completions": [
            {"text": c.text, "tokens": list(c.tokens), "stopped": c.stopped} for c in completions
        ],
    }
    _print(
        chosen,
        data,
        lambda: "\n\n".join(f"{c.prompt}{c.text}\n[{c.stopped}]" for c in completions),
    )


def _attention(chosen: argparse.Namespace) -> None:
    from slm.lens.attention import attention
    from slm.runs import load_checkpoint

    view = attention(load_checkpoint(chosen.address), chosen.text)
    data = {
        "address": str(view.address),
        "pieces": list(view.pieces),
        "tokens": list(view.tokens),
        "pattern": view.pattern.round(5).tolist(),
        "axes": ["layer", "head", "query", "key"],
    }

    def text() -> str:
        lines = []
        for layer, head in view.heads():
            looks = view.looks_most_at(layer, head)
            shown = "  ".join(f"{view.pieces[q]!r}->{view.pieces[k]!r}" for q, k in looks[-8:])
            soaked = view.soaked[layer, head]
            lines.append(f"{layer}.{head}  first token {soaked:.0%}  {shown}")
        return "\n".join(lines)

    _print(chosen, data, text)


def _neurons_build(chosen: argparse.Namespace) -> None:
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
    _print(chosen, data, lambda: f"{reading.tokens} tokens of {reading.stories} stories read")


def _neurons_top(chosen: argparse.Namespace) -> None:
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
    _print(
        chosen,
        data,
        lambda: "\n".join(
            f"{e['activation']:8.3f}  {e['token']!r:14} {e['context']!r}" for e in data["examples"]
        ),
    )


def _neurons_find(chosen: argparse.Namespace) -> None:
    from slm.lens.neuron_index import open_index
    from slm.runs import load_checkpoint

    checkpoint = load_checkpoint(chosen.address)
    found = open_index(checkpoint).find(checkpoint, chosen.token, k=chosen.k)
    data = {
        "address": str(checkpoint.address),
        "token": chosen.token,
        "neurons": [asdict(hit) for hit in found],
    }
    _print(
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


def _grade(chosen: argparse.Namespace) -> None:
    from slm.judging.command import grade_from_command_line

    data, text = grade_from_command_line(
        chosen.address,
        prompts=None if chosen.prompts is None else Path(chosen.prompts),
        samples=chosen.samples,
        judge=chosen.judge,
        base_url=chosen.base_url,
        max_cost=chosen.max_cost,
        seed=chosen.seed,
    )
    _print(chosen, data, lambda: text)
    if data["stopped"]:
        raise BadInput(data["stopped"])
