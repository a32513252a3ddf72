"""`slm sweep`: train a grid of shapes, and see what width and depth do."""

import argparse
import signal
import sys

from slm.cli.command import Commands, answer
from slm.errors import BadInput


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add("sweep", _sweep, "Train a grid of shapes on one corpus.", address=False)
    sub.add_argument("--name", required=True, help="the sweep's name; runs are NAME-SHAPE")
    sub.add_argument("--shapes", help="such as 64x1x4,64x2x4,paper-1M; left out: go on with NAME")
    sub.add_argument("--show", action="store_true", help="train nothing; show how far it is")
    sub.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="on a Ray cluster, one shape a worker; without an address, one is started here",
    )
    sub.add_argument(
        "how", nargs=argparse.REMAINDER, help="-- and the arguments of slm train for all of them"
    )


def _sweep(chosen: argparse.Namespace) -> None:
    from slm.training import sweep as sweeps
    from slm.training.grid import grid_runs

    options = [word for word in chosen.how if word != "--"]
    if chosen.show and chosen.ray is not None:
        raise BadInput("--show trains nothing: leave out --ray")
    if chosen.shapes is not None:
        shapes = [word.strip() for word in chosen.shapes.split(",") if word.strip()]
        sweep = sweeps.sweep_of(chosen.name, shapes, options)
        sweeps.keep(sweep)
    else:
        sweep = sweeps.load(chosen.name)
        if options and sweeps.sweep_of(chosen.name, sweep.shapes, options) != sweep:
            raise BadInput(
                f"the sweep {chosen.name!r} goes on as it began: leave out what follows --"
            )
    if not chosen.show:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        if chosen.ray is None:
            for name in sweeps.train_here(sweep):
                print(f"{name} …", file=sys.stderr, flush=True)
        else:
            for name in sweeps.train_on_ray(sweep, chosen.ray or None):
                print(f"{name}: done", file=sys.stderr, flush=True)
    found = grid_runs(sweep.runs)
    lines = [
        f"{cell.run:24} {cell.width:>5} wide {cell.layers:>3} deep  "
        + (
            "not measured yet"
            if (bits := cell.scores.get("bits per byte")) is None
            else f"{cell.scores['loss']:.3f} nats/token  {bits:.3f} bits/byte"
        )
        + f"  {cell.standing}"
        for cell in found
    ]
    data = {
        "sweep": sweep.name,
        "cells": [
            {
                "run": c.run,
                "width": c.width,
                "layers": c.layers,
                "scores": c.scores,
                "standing": c.standing,
            }
            for c in found
        ],
    }
    answer(chosen, data, lambda: "\n".join(lines) or "nothing is trained yet")
