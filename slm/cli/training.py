"""`slm train`, `slm runs`, `slm eval`: make a model, list them, measure one."""

import argparse
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from types import FrameType
from typing import TYPE_CHECKING, Any

from slm.cli.command import Commands, Parser, answer, count, seed
from slm.cli.resuming import check_resumed
from slm.errors import BadInput
from slm.model.config import FROM_THE_PAPER, PRESETS
from slm.text import as_json, on_terminal

if TYPE_CHECKING:
    from slm.training.plan import Plan


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add("train", _train, "Train a model on stories.", address=False)
    sub.add_argument("--name", required=True, help="the run's name")
    _how_to_train(sub)

    queue = commands.group("queue", "Trainings that wait for their turn.")
    queue.add("list", _waiting, "List what trains and what waits.", address=False)
    sub = queue.add("stop", _stop, "Stop a training, or take it off the queue.", address=False)
    sub.add_argument("name", help="the run's name")
    sub = queue.add("add", _add, "Train when others are done.", address=False)
    sub.add_argument("name", help="the run's name")
    sub.add_argument("how", nargs=argparse.REMAINDER, help="the arguments of slm train")
    queue.add("work", _work, "Train what waits, one after the other.", address=False)

    commands.add("runs", _runs, "List the runs there are.", address=False)

    sub = commands.add("eval", _eval, "Measure the loss on a corpus.")
    sub.add_argument("--corpus", required=True, help="stories, as slm train takes them")


def _how_to_train(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--corpus",
        help="stories: a path, a hub name, or nursery (the default). How a file is read may follow "
        "its name: "
        "PATH:lines, :blank-lines, :passages, :csv, :mark=TEXT (what parts stories in a .txt), "
        ":text=COLUMN, :keep-truncated, :drop-truncated (what ends without a sentence's mark)",
    )
    sub.add_argument("--valid", help="validation stories; default: held out of the corpus")
    sub.add_argument(
        "--shape",
        help=f"d_model x n_layers x n_heads (64x2x4), or {', '.join(PRESETS)}. {FROM_THE_PAPER}",
    )
    sub.add_argument("--from", dest="parent", help="begin with this checkpoint's weights")
    sub.add_argument("--tokens", type=count, help="how many to read, such as 20M")
    sub.add_argument("--minutes", type=float, help="how long to train, instead of --tokens")
    sub.add_argument("--vocab", type=int, help="size of the vocabulary (4096)")
    sub.add_argument("--context", type=int, help="n_ctx, in tokens (256)")
    sub.add_argument("--batch", type=int, help="rows a step (16)")
    sub.add_argument("--seed", type=seed, help="of initial weights and order (0)")
    sub.add_argument("--checkpoints", type=int, help="besides the early ones (20)")
    sub.add_argument(
        "--precision",
        help="of matrix products: float32, bfloat16, or auto (the default): whichever is faster here",
    )
    sub.add_argument(
        "--recipe",
        help="muon (the default): Muon and AdamW, rates that fall to 0; "
        "paper: AdamW at a constant 5e-4, as published",
    )
    sub.add_argument("--muon-lr", type=float, help="of the matrices")
    sub.add_argument("--adam-lr", type=float, help="of embeddings, gains and biases")
    sub.add_argument(
        "--device", default="auto", help="auto (CUDA where it is there), cpu, cuda, mps"
    )
    sub.add_argument(
        "--resume",
        action="store_true",
        help="go on with this run, as it began; --device may differ",
    )


def _train(chosen: argparse.Namespace) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from slm.runs import open_run
    from slm.training import job

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
        check_resumed(chosen, open_run(chosen.name).info)
        updates = job.resume(
            chosen.name,
            stop=lambda: stopping,
            progress=stage,
            device=chosen.device,
            corpus=chosen.corpus,
            valid=chosen.valid,
        )
    else:
        updates = job.start(_plan(chosen), stop=lambda: stopping, progress=stage)

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[shown]}"),
        TimeRemainingColumn(),
    )
    if (first := next(updates, None)) is None:
        answer(chosen, _described(chosen.name), lambda: f"{chosen.name}: nothing left to do")
        return
    _say_cleaning(chosen.name)
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(chosen.name, total=first.steps, shown="starting")
        for update in chain([first], updates):
            shown = f"loss {update.loss:.3f}  {update.tokens_per_second:,.0f} tokens/s"
            bar.update(task, completed=update.step, total=update.steps, shown=shown)
    run = open_run(chosen.name)
    described = _described(chosen.name)
    answer(
        chosen,
        described,
        lambda: (
            f"{chosen.name}: {run.status} at step {described['last_step']}, "
            f"{described['val_bits_per_byte'] or float('nan'):.3f} bits per byte"
        ),
    )


def _say_cleaning(name: str) -> None:
    """What cleaning kept and dropped of the corpora of a run, to standard error."""
    from slm.runs import open_run
    from slm.stories.cleaning import CleaningReport

    corpus = open_run(name).info.corpus
    for source, what in ((corpus["train"], "cleaning"), (corpus["valid"], "valid_cleaning")):
        if source and what in corpus:
            print(f"{source}: {CleaningReport.of(corpus[what]).in_words()}", file=sys.stderr)


def checked(name: str, how: Sequence[str], *, without: Sequence[str] = ()) -> list[str]:
    """The arguments of `slm train --name NAME`, to be used later and in any folder.

    Raises `BadInput` now for what would be refused then, and for those `without` which it must be.
    """
    from slm.runs import open_run
    from slm.stories.sources import absolute

    words = [word.split("=")[0] for word in how]
    if given := [flag for flag in without if flag in words]:
        raise BadInput(f"{given[0]} is the sweep's own business: leave it out")
    parser = Parser(prog="slm train", allow_abbrev=False)
    _how_to_train(parser)
    chosen = parser.parse_args(how, argparse.Namespace(name=name))
    if chosen.resume:
        check_resumed(chosen, open_run(name).info)
    else:
        _plan(chosen)
    settled, is_file = [], False
    for word in how:
        flag, equals, value = word.partition("=")
        if flag in ("--corpus", "--valid") and equals:
            word = f"{flag}={absolute(value)}"
        settled.append(absolute(word) if is_file else word)
        is_file = word in ("--corpus", "--valid")
    return settled


def _plan(chosen: argparse.Namespace) -> "Plan":
    from slm.model.config import named_shape
    from slm.recipe import named_recipe
    from slm.stories.tokenizer import check_vocabulary
    from slm.training.plan import Plan

    if chosen.tokens is not None and chosen.minutes is not None:
        raise BadInput("give --tokens or --minutes, not both")
    if chosen.minutes is not None and not 0 < chosen.minutes < 1e6:
        raise BadInput(f"--minutes must be above 0, not {chosen.minutes}")
    shaping = {"--shape": chosen.shape, "--vocab": chosen.vocab, "--context": chosen.context}
    if chosen.parent and (given := [name for name, value in shaping.items() if value is not None]):
        raise BadInput(f"with --from the shape is the parent's: leave out {' and '.join(given)}")
    config = named_shape(chosen.shape or "64x2x4")
    if chosen.vocab is not None:
        check_vocabulary(chosen.vocab)
    config = replace(
        config,
        d_vocab=config.d_vocab if chosen.vocab is None else chosen.vocab,
        n_ctx=config.n_ctx if chosen.context is None else chosen.context,
    )
    usual = named_recipe(chosen.recipe or "muon")
    if chosen.muon_lr is not None and usual.optimizer != "muon":
        raise BadInput(f"the recipe {chosen.recipe} has no Muon: leave out --muon-lr")
    recipe = replace(
        usual,
        tokens=usual.tokens if chosen.tokens is None else chosen.tokens,
        **{
            name: value
            for name in ("batch", "seed", "checkpoints", "precision", "muon_lr", "adam_lr")
            if (value := getattr(chosen, name)) is not None
        },
    )
    return Plan(
        name=chosen.name,
        config=config,
        corpus=chosen.corpus or "nursery",
        valid=chosen.valid,
        recipe=recipe,
        minutes=chosen.minutes,
        parent=chosen.parent,
        device=chosen.device,
    )


def _add(chosen: argparse.Namespace) -> None:
    from slm.training import queue

    how = checked(chosen.name, chosen.how)  # what is wrong is said now, not when its turn comes
    queue.add(chosen.name, how)
    answer(chosen, {"waiting": chosen.name}, lambda: f"{chosen.name} waits for its turn")


def _waiting(chosen: argparse.Namespace) -> None:
    from slm.training import queue

    now, later = queue.training(), [one.name for one in queue.waiting()]
    damage = queue.damage()
    lines = [f"{name}: training" for name in now] + [f"{name}: waiting" for name in later] + damage
    answer(
        chosen,
        {"training": now, "waiting": later, "damage": damage},
        lambda: "\n".join(lines) or "nothing trains and nothing waits",
    )


def _stop(chosen: argparse.Namespace) -> None:
    from slm.training import queue

    if chosen.name not in [*queue.training(), *(one.name for one in queue.waiting())]:
        raise BadInput(f"{chosen.name!r} neither trains nor waits")
    queue.stop(chosen.name)
    answer(chosen, {"stopped": chosen.name}, lambda: f"{chosen.name} was asked to stop")


def _work(chosen: argparse.Namespace) -> None:
    from slm.training import queue

    queue.work()


def _described(name: str) -> dict[str, Any]:
    from slm.runs import open_run

    run = open_run(name)
    info, last = run.info, run.last_validation()
    return {
        "name": run.name,
        "shape": info.config.shape,
        "parameters": info.parameters,
        "steps": run.steps,
        "last_step": run.last_step,
        "val_loss": last.val_loss if last else None,
        "val_bits_per_byte": last.val_bits_per_byte if last else None,
        "corpus": info.corpus.get("train"),
        "imported": info.imported or None,
        "parent": info.parent,
        "status": run.status,
        "damage": run.damage(),
    }


def _runs(chosen: argparse.Namespace) -> None:
    from slm.runs import damaged_runs, list_runs

    runs = [_described(run.name) for run in list_runs()]
    damaged = damaged_runs()

    def text() -> str:
        if not runs and not damaged:
            return "no runs yet; make one: python -m slm train --name first --minutes 5"
        rows = [
            f"{run['name']:20} {run['shape']:>10} {run['parameters']:>10,} parameters  "
            f"step {run['last_step']}  "
            + (
                f"{bits:.3f} bits/byte"
                if (bits := run["val_bits_per_byte"])
                else "not measured yet"
            )
            + f"  {run['status']}"
            for run in runs
        ]
        wrong = [line for run in runs for line in run["damage"]] + list(damaged.values())
        return "\n".join(rows + wrong)

    beside = [
        {"name": name, "status": "damaged", "damage": [line]} for name, line in damaged.items()
    ]
    print(as_json([*runs, *beside]) if chosen.json else on_terminal(text()))


def _eval(chosen: argparse.Namespace) -> None:
    from slm.runs import load_checkpoint
    from slm.training.validation import corpus_loss

    checkpoint = load_checkpoint(chosen.address)
    loss, report = corpus_loss(checkpoint, chosen.corpus)
    print(f"{chosen.corpus}: {report.in_words()}", file=sys.stderr)
    data = {
        "address": str(checkpoint.address),
        "stories": loss.stories,
        "tokens": loss.tokens,
        "bytes": loss.bytes,
        "loss": loss.loss,
        "bits_per_byte": loss.bits_per_byte,
    }
    answer(
        chosen,
        data,
        lambda: (
            f"{checkpoint.address}: {loss.loss:.4f} nats per token, {loss.bits_per_byte:.4f} bits "
            f"per byte over {loss.stories} stories, {loss.tokens} tokens, {loss.bytes} bytes"
        ),
    )
