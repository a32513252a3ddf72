"""`slm check`: is what we show of this model true?"""

import argparse
from dataclasses import asdict

from slm.cli.command import Commands, answer


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add("check", _check, "Is what we show of this model true?")
    sub.add_argument("--text", help="a story to check it on; default: a shipped one")


def _check(chosen: argparse.Namespace) -> None:
    from slm.lens.trust import check, facts
    from slm.runs import load_checkpoint
    from slm.stories.shipped import stories

    checkpoint = load_checkpoint(chosen.address)
    found = check(checkpoint, stories()[0].text if chosen.text is None else chosen.text)
    known = facts(checkpoint)
    data = {
        "address": str(checkpoint.address),
        "holds": all(one.holds for one in found),
        "checks": [{**asdict(one), "holds": one.holds} for one in found],
        "facts": known,
    }

    def text() -> str:
        lines = [str(checkpoint.address)]
        for one in found:
            mark = "holds" if one.holds else "FAILS"
            lines.append(f"  {mark}  {one.name:48} {one.measured:.2g} (at most {one.limit:g})")
        return "\n".join([*lines, *(f"  {name}: {value}" for name, value in known.items())])

    answer(chosen, data, text)
    if failed := [one.name for one in found if not one.holds]:
        raise ArithmeticError(f"{checkpoint.address} fails: {', '.join(failed)}")
