"""`slm knowledge`: facts, reasoning and context, by how models go on."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from slm.cli.command import Commands, answer
from slm.errors import BadInput

if TYPE_CHECKING:
    from slm.judging.estimates import Estimate
    from slm.judging.knowledge import Answer, Score

MARKS = {"right": "+", "almost": "~", "wrong": "-"}


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add("knowledge", _knowledge, "What does the model know?", address=False)
    sub.add_argument("addresses", nargs="+", metavar="ADDRESS", help="run or run@step")
    sub.add_argument("--prompts", help="a YAML file of prompts; default: those that ship")
    sub.add_argument("--beams", type=int, default=5)


def _knowledge(chosen: argparse.Namespace) -> None:
    from slm.judging.knowledge import ask, scores
    from slm.judging.prompts import parse_prompts, shipped
    from slm.judging.verdicts import with_verdicts
    from slm.runs import load_checkpoint, open_run

    prompts = shipped()
    if chosen.prompts is not None:
        try:
            text = Path(chosen.prompts).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"no prompts in {chosen.prompts!r}: {error}") from None
        prompts = parse_prompts(chosen.prompts, text)
    found: dict[str, list[Answer]] = {}
    for address in chosen.addresses:
        checkpoint = load_checkpoint(address)
        answers = ask(checkpoint, prompts, beams=chosen.beams)
        found[str(checkpoint.address)] = with_verdicts(open_run(checkpoint.address.run), answers)
    told = {address: scores(answers) for address, answers in found.items()}
    data = {
        "beams": chosen.beams,
        "models": [
            {
                "address": address,
                "scores": [asdict(score) for score in told[address]],
                "answers": [{**asdict(one), "judged": one.judged} for one in answers],
            }
            for address, answers in found.items()
        ],
    }
    answer(chosen, data, lambda: _table(found, told))


def _table(found: "dict[str, list[Answer]]", told: "dict[str, list[Score]]") -> str:
    """Each prompt with its continuations, then the scores of each model."""
    lines = []
    for answers in zip(*found.values(), strict=True):
        lines.append(f"[{answers[0].prompt.kind}] {answers[0].prompt.prompt}")
        lines += [f"  {MARKS[one.judged]} {one.continuation}" for one in answers]
    for address, scored in told.items():
        lines += ["", f"{address}: + counts 1, ~ counts 1/2 (95 % between)", *_scores(scored)]
    return "\n".join(lines)


def _scores(scored: "Sequence[Score]") -> list[str]:
    lines = []
    for one in scored:
        lines.append(
            f"  {one.kind:10} {_shown(one.score)}; with the answers of other prompts "
            f"{_shown(one.by_chance)}"
        )
        lines.append(
            f"  {'':10} by probability {_shown(one.preferred)}; guessing {_shown(one.guessing)}"
        )
    return lines


def _shown(found: "Estimate | None") -> str:
    if found is None:
        return "not to be told"
    return "{:.2f} ({:.2f} to {:.2f})".format(found.mean, *found.interval)
