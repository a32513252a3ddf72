"""`slm nursery`: exact measures on the nursery's stories."""

import argparse

from slm.cli.command import Commands, answer, watched
from slm.errors import BadInput


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add(
        "nursery",
        _nursery,
        "Facts and context as paired choices about the nursery's world, with chance at a half.",
        address=False,
    )
    sub.add_argument("addresses", nargs="+", metavar="ADDRESS", help="run or run@step")
    sub.add_argument(
        "--stories",
        type=int,
        metavar="N",
        help="instead, let models end N nursery stories: which sentences the grammar derives, agreement",
    )


def _nursery(chosen: argparse.Namespace) -> None:
    from slm.runs import resolve

    for address in chosen.addresses:
        resolve(address)
    if chosen.stories is None:
        _choices(chosen)
    else:
        _stories(chosen)


def _choices(chosen: argparse.Namespace) -> None:
    from slm.nursery_scores.kept import measure_choices

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


def _stories(chosen: argparse.Namespace) -> None:
    from slm.nursery_scores.stories import of_grammar, rows, written
    from slm.runs import load_checkpoint

    count = chosen.stories
    if count < 2:
        raise BadInput(f"--stories must be at least 2, not {count}")
    found = [
        (address, watched(written(load_checkpoint(address), count))) for address in chosen.addresses
    ]
    beside = [
        ("the grammar's own", of_grammar(count)),
        ("spoiled", of_grammar(count, spoiled=True)),
    ]
    data = {
        "stories": count,
        "measures": "the nursery's world, not English",
        "models": [{"address": address, **scores.to_json()} for address, scores in found],
        "grammar": beside[0][1].to_json(),
        "spoiled": beside[1][1].to_json(),
    }
    answer(chosen, data, lambda: "\n".join(rows([*found, *beside])))
