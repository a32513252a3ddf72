"""`slm train`, `slm runs`, `slm eval`: make a model, list them, measure one."""

import argparse
import sys
from itertools import chain
from typing import Any

from slm.cli.command import Commands, answer
from slm.errors import BadInput
from slm.text import as_json, on_terminal
from slm.training.options import add_options, parse, spec_of


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add("train", _train, "Train a model on stories.", address=False)
    sub.add_argument("--name", required=True, help="the run's name")
    add_options(sub)

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


def _train(chosen: argparse.Namespace) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from slm.runs import open_run
    from slm.training.job import run_training
    from slm.training.process import stop_on_signals
    from slm.training.run_info import cleaning_lines

    console = Console(stderr=True)

    def stage(name: str, share: float | None) -> None:
        if console.is_terminal:
            console.print(f"{name} …", style="dim")

    updates = run_training(spec_of(chosen), stop=stop_on_signals(), progress=stage)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[shown]}"),
        TimeRemainingColumn(),
    )
    if (first := next(updates, None)) is None:
        answer(chosen, _described(chosen.name), lambda: f"{chosen.name}: nothing left to do")
        return
    print(*cleaning_lines(open_run(chosen.name).info), sep="\n", file=sys.stderr)
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


def _add(chosen: argparse.Namespace) -> None:
    from slm.training import queue

    queue.add(parse(chosen.name, chosen.how))
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
