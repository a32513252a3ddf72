"""`slm import`: bring a model of one's own."""

import argparse
import sys
from typing import Any

from slm.cli.command import Commands, answer


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add("import", _import, "Make another's model a run.", address=False)
    sub.add_argument(
        "path",
        help="a folder (GPT-2, GPT-Neo, Llama), a TransformerLens state dict, llama2.c's .bin, "
        "or a name on the hub, such as tiny-stories-1M",
    )
    sub.add_argument("--name", required=True, help="the run's name")
    sub.add_argument("--tokenizer", help="a path or hub id, where the model brings none")


def _import(chosen: argparse.Namespace) -> None:
    from slm.importing.bring import bring, recognise
    from slm.runs import check_name

    def said(stage: str, share: float | None) -> None:
        if sys.stderr.isatty():
            print(f"{stage} …", file=sys.stderr)

    check_name(chosen.name)
    found = recognise(chosen.path, tokenizer=chosen.tokenizer, progress=said)
    run = bring(found, chosen.name, progress=said)
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
