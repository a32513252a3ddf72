"""`slm check`: the self-checks of a model."""

import argparse
from dataclasses import asdict

from slm.cli.command import Commands, answer, typed


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add("check", _check, "Is what we show of this model true?")
    sub.add_argument(
        "--text", type=typed, help="a story to check it on; default: a shipped one, cut to fit"
    )


def _check(chosen: argparse.Namespace) -> None:
    from slm.generation.fitting import FittedText, story_that_fits
    from slm.interp.self_checks import check, facts
    from slm.runs import load_checkpoint
    from slm.stories.shipped import stories

    checkpoint = load_checkpoint(chosen.address)
    story = (
        story_that_fits([checkpoint], stories()[0].text)
        if chosen.text is None
        else FittedText(text=chosen.text)
    )
    found = check(checkpoint, story.text)
    known = facts(checkpoint)
    data = {
        "address": str(checkpoint.address),
        "holds": all(one.holds for one in found),
        "checks": [{**asdict(one), "holds": one.holds} for one in found],
        "facts": known,
        "text": story.text,
        "note": story.note,
    }

    def text() -> str:
        lines = [str(checkpoint.address), *filter(None, [story.note])]
        for one in found:
            mark = "holds" if one.holds else "FAILS"
            lines.append(f"  {mark}  {one.name:48} {one.measured:.2g} (at most {one.limit:g})")
        return "\n".join([*lines, *(f"  {name}: {value}" for name, value in known.items())])

    answer(chosen, data, text)
    if failed := [one.name for one in found if not one.holds]:
        raise ArithmeticError(f"{checkpoint.address} fails: {', '.join(failed)}")
