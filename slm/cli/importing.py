"""`slm import`: bring a model of one's own."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from slm.cli.command import Commands, answer
from slm.progress import ProgressCallback

PARTS = 10_000
"""Of how many parts a bar is made."""


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add("import", _import, "Make another's model a run.", address=False)
    sub.add_argument(
        "path",
        help="a folder (GPT-2, GPT-Neo, Llama), a TransformerLens state dict, llama2.c's .bin or "
        "ckpt.pt, nanoGPT's ckpt.pt, or a name on the hub, such as tiny-stories-1M",
    )
    sub.add_argument("--name", required=True, help="the run's name")
    sub.add_argument("--tokenizer", help="a path or hub id, where the model brings none")


def _import(chosen: argparse.Namespace) -> None:
    from slm.importing.detect import detect
    from slm.importing.import_run import import_run
    from slm.runs import check_name

    check_name(chosen.name)
    with _told() as tell:
        found = detect(chosen.path, tokenizer=chosen.tokenizer, progress=tell)
        run = import_run(found, chosen.name, progress=tell)
    data: dict[str, Any] = {
        "address": f"{run.name}@0",
        "kind": found.kind,
        "source": found.source,
        "shape": found.config.shape,
        "parameters": found.parameters,
        "d_vocab": found.config.d_vocab,
        "n_ctx": found.config.n_ctx,
        "notes": list(found.notes),
    }
    answer(
        chosen,
        data,
        lambda: (
            f"{run.name}: {found.kind}, {found.config.shape}, {found.parameters:,} parameters, "
            f"{found.config.d_vocab:,} tokens, a context of {found.config.n_ctx:,}"
            + "".join(f"\n{note}" for note in found.notes)
            + f"\nlook at it: python -m slm sample {run.name} --prompt 'Once upon a time'"
        ),
    )


@contextmanager
def _told() -> Iterator[ProgressCallback]:
    """Show progress as a bar on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        BarColumn(20),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("starting", total=None)
        reached: int | None = None

        def tell(stage: str, share: float | None) -> None:
            nonlocal reached
            done = None if share is None else round(share * PARTS)
            if done is not None and (reached is None or done < reached):
                bar.reset(task, total=PARTS, completed=done)  # the clock starts with what was there
            reached = done
            total = None if done is None else PARTS
            bar.update(task, description=f"{stage} …", total=total, completed=done)

        try:
            yield tell
        except KeyboardInterrupt:
            bar.stop()
            print(
                "slm: stopped; what came from the hub is kept, and the same command goes on from there",
                file=sys.stderr,
            )
            raise
