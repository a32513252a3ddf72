"""`slm glossary`: what a term means."""

import argparse
from dataclasses import asdict

from slm.cli.command import Commands, answer


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add("glossary", _glossary, "What does a term mean?", address=False)
    sub.add_argument("term", nargs="?", default="", help="a term, or words to search for")
    sub.add_argument("--markdown", action="store_true", help="print docs/glossary.md")


def _glossary(chosen: argparse.Namespace) -> None:
    from slm.errors import BadInput, shown
    from slm.glossary import as_markdown, find, terms

    found = find(chosen.term) if chosen.term else terms()
    if not found:
        raise BadInput(f"the glossary has no term {shown(chosen.term)}")

    def text() -> str:
        if chosen.markdown:
            return as_markdown().rstrip("\n")
        return "\n".join(f"{one.term}: {one.means}" for one in found)

    answer(chosen, {"terms": [asdict(one) for one in found]}, text)
