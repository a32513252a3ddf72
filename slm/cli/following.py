"""`slm following`: how much of what a request asks for is in the stories that models write."""

import argparse
from typing import TYPE_CHECKING

from slm.cli.command import Commands, InGlossary, answer, watched
from slm.seeds import parse_seed

if TYPE_CHECKING:
    from slm.following.study import Following

SHOWN = {
    "words": "words, in any form",
    "features": "features, by detectors",
    "sentence": "the sentence, literally",
    "summary": "names and thing of the summary",
}


def add_to(commands: Commands) -> None:
    """Add the command of this file."""
    sub = commands.add(
        "following", _following, "Does the model do what a request asks for?", address=False
    )
    sub.add_argument("addresses", nargs="+", metavar="ADDRESS", help="run or run@step")
    sub.add_argument("--steps", action="store_true", help="every checkpoint of the runs")
    sub.add_argument("--requests", type=int, default=500, help="how many held-out requests")
    sub.add_argument(
        "--pair-stories",
        type=int,
        default=250,
        help="stories that are also asked for with Words and Summary together, and five other ways",
    )
    sub.add_argument("--temperature", type=float, default=1.0, help=InGlossary("temperature"))
    sub.add_argument("--max-tokens", type=int, default=200, help="most tokens of a story")
    sub.add_argument("--seed", type=parse_seed, default=0, help="seed of the drawn tokens")


def _following(chosen: argparse.Namespace) -> None:
    from slm.following.kept import make_following
    from slm.following.report import FollowingReport
    from slm.following.study import FollowingSettings
    from slm.runs import Address, resolve

    settings = FollowingSettings(
        requests=chosen.requests,
        pair_stories=chosen.pair_stories,
        temperature=chosen.temperature,
        max_tokens=chosen.max_tokens,
        seed=chosen.seed,
    )
    addresses = []
    for given in chosen.addresses:
        run, step = resolve(given)
        addresses += [str(Address(run.name, at)) for at in (run.steps if chosen.steps else [step])]
    found = watched(make_following(list(dict.fromkeys(addresses)), settings))
    report = FollowingReport(found=found, settings=settings)
    answer(chosen, report.to_json(), lambda: _text(found))


def _text(found: "dict[str, Following]") -> str:
    """Format each model's scores beside chance, and the pair it did not see."""
    from slm.following.unseen_pairs import PARTS

    lines = []
    for address, one in found.items():
        lines += ["", f"{address}: share of what was asked for (95 % between); by chance"]
        for name, kept in one.scores.by_measure.items():
            lines.append(f"  {SHOWN[name]:32} {kept.share.to_text()}; {kept.chance.mean:.2f}")
        lines.append(
            "  Words and Summary together, out of distribution where a run never saw both:"
        )
        for part, told in one.unseen_pair.by_part.items():
            shares = told.shares
            lines.append(
                f"  {f'the {part} ({PARTS[part]})':32} {shares['unseen'].to_text()}; "
                f"in a seen pair {shares['seen'].mean:.2f}, alone {shares['alone'].mean:.2f}, "
                f"by chance {shares['by_chance'].mean:.2f}"
            )
            lines.append(f"  {'':32} {told.difference.to_text()}: {told.verdict}")
    return "\n".join(lines[1:])
