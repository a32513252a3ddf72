"""`slm findings`: what the TinyStories paper found, tested on the runs that are there."""

import argparse
from typing import TYPE_CHECKING

from slm.cli.command import Commands, answer

if TYPE_CHECKING:
    from slm.findings.finding import Finding


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add(
        "findings",
        _findings,
        "Do the TinyStories paper's findings hold in these runs? Each with its interval.",
        address=False,
    )
    sub.add_argument("runs", nargs="*", metavar="RUN", help="left out: every run there is")
    sub.add_argument("--judge", help="whose grades; left out: what was measured without a judge")


def _findings(chosen: argparse.Namespace) -> None:
    from slm.findings.report import report
    from slm.runs import list_runs, open_run

    runs = [open_run(name) for name in chosen.runs] or list_runs()
    found = report(runs, chosen.judge)
    answer(chosen, found.to_json(), lambda: "\n\n".join(map(_told, found.findings)))


def _told(one: "Finding") -> str:
    number = (
        ""
        if one.number is None
        else f"\n  {one.number.to_text('+.4f' if abs(one.number.mean) < 0.02 else '+.3f')} {one.unit}"
    )
    lines = [f"  against it: {one.against}", f"  {one.why}", *(f"  ({w})" for w in one.warnings)]
    return f"{one.verdict.upper()}: {one.claim}{number}\n" + "\n".join(lines)
