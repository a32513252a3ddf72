"""`slm nursery`: exact measures on the nursery's stories."""

import argparse

from slm.cli.command import Commands, answer, watched


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add(
        "nursery",
        _nursery,
        "Facts and context as paired choices about the nursery's world, with chance at a half.",
        address=False,
    )
    sub.add_argument("addresses", nargs="+", metavar="ADDRESS", help="run or run@step")


def _nursery(chosen: argparse.Namespace) -> None:
    from slm.nursery_scores.kept import measure_choices
    from slm.runs import resolve

    for address in chosen.addresses:
        resolve(address)
    found = watched(measure_choices(chosen.addresses))
    answer(
        chosen,
        {"models": [one.to_json() for one in found]},
        lambda: "\n".join(
            f"{one.address}  "
            + "  ".join(f"{kind} {one.share(kind).to_text()}" for kind in one.right)
            + "  (chance 0.50; the nursery's world, not English)"
            for one in found
        ),
    )
