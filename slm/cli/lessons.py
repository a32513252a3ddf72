"""`slm lessons`: the lessons there are, whether their claims hold, and a sheet of one to print."""

import argparse
from typing import Any

from slm.cli.command import Commands, answer
from slm.errors import BadInput


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add(
        "lessons", _lessons, "Which lessons are there, and do their claims hold?", address=False
    )
    sub.add_argument(
        "do",
        nargs="?",
        choices=("list", "check", "sheet"),
        default="list",
        help="list (the default), check the claims, or print a sheet of questions as HTML",
    )
    sub.add_argument("--lesson", help="one lesson by its name; default: all")
    sub.add_argument(
        "--run", help="an address to check on; default: the run each lesson is made for"
    )


def _lessons(chosen: argparse.Namespace) -> None:
    from slm.lessons.reading import lesson, lessons
    from slm.lessons.sheet import sheet

    found = lessons()
    some = found.lessons if chosen.lesson is None else (lesson(chosen.lesson),)
    if chosen.do == "sheet":
        if len(some) != 1:
            raise BadInput("a sheet is of one lesson: name it with --lesson")
        page = sheet(some[0])
        answer(chosen, {"lesson": some[0].name, "html": page}, lambda: page)
    else:
        told = [_told(one, chosen.run) if chosen.do == "check" else _listed(one) for one in some]
        answer(chosen, {"lessons": told, "complaints": found.complaints}, lambda: _as_text(told))
    if found.complaints:
        raise BadInput(found.complaints[0])


def _listed(one: Any) -> dict[str, Any]:
    return {"name": one.name, "question": one.question, "minutes": one.minutes,
            "steps": len(one.steps), "run": one.run}  # fmt: skip


def _told(one: Any, address: str | None) -> dict[str, Any]:
    """Describe a lesson, with the results of its claims on a model."""
    from slm.lessons.claims import check
    from slm.lessons.reading import run_for, shown_on
    from slm.runs import load_checkpoint

    asked = address or run_for(one)
    claims = [
        check(load_checkpoint(address or shown_on(step, asked)), step.claim).to_json()
        for step in one.steps
        if step.claim
    ]
    return {**_listed(one), "address": asked, "claims": claims}


def _as_text(told: list[dict[str, Any]]) -> str:
    lines = []
    for one in told:
        lines.append(f"{one['name']:24} {one['minutes']} min  {one['question']}")
        for claim in one.get("claims", ()):
            lines.append(f"    {claim['says']}")
            lines.append(f"    {claim['address']}: {claim['sentence']}")
    return "\n".join(lines)
