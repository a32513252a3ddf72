"""Commands: their parsers, options and output as text or JSON."""

import argparse
import sys
from collections.abc import Callable, Generator
from typing import Any, NoReturn, TypeVar

from slm.errors import BadInput
from slm.glossary import lookup
from slm.progress import Progress, result_of
from slm.text import as_json, on_terminal

CommandFunction = Callable[[argparse.Namespace], None]
R = TypeVar("R")


class InGlossary(str):
    """A glossary term as an option's help: where help is printed, its explanation stands there."""

    __slots__ = ()


class HelpWithDefaults(argparse.HelpFormatter):
    """Help that ends with an option's default, where it has one."""

    def _get_help_string(self, action: argparse.Action) -> str:
        told, default = action.help or "", action.default
        if isinstance(told, InGlossary):
            told = lookup(told).means.removesuffix(".").replace("%", "%%")
        has_one = isinstance(default, str | int | float) and default is not False
        shows = has_one and default not in ("", argparse.SUPPRESS) and "default" not in told
        return f"{told} (default: %(default)s)" if shows else told


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are `BadInput`, and whose help shows defaults."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"formatter_class": HelpWithDefaults, **settings})

    def error(self, message: str) -> NoReturn:
        """Raise `BadInput` with argparse's message."""
        raise BadInput(f"{message} (see {self.prog} --help)")


class Commands:
    """The commands of a parser. Each is a function of the arguments it is given."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._commands = parser.add_subparsers(
            required=True, metavar="COMMAND", parser_class=Parser
        )

    def add(
        self, name: str, run: CommandFunction, help: str, *, address: bool = True
    ) -> argparse.ArgumentParser:
        """Add a command, which takes an address unless it is told not to, and `--json`."""
        parser = self._commands.add_parser(name, help=help, description=help)
        parser.set_defaults(command=run)
        if address:
            parser.add_argument("address", help="run or run@step")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        return parser

    def group(self, name: str, help: str) -> "Commands":
        """Add commands under a common name: `slm NAME COMMAND`."""
        return Commands(self._commands.add_parser(name, help=help, description=help))


def answer(chosen: argparse.Namespace, data: dict[str, Any], text: Callable[[], str]) -> None:
    """Print what was found: as JSON where `--json` asks for it, else as text."""
    print(as_json(data) if chosen.json else on_terminal(text()))


def watched(work: Generator[Progress, None, R]) -> R:
    """Do long work, with a bar on standard error; what cannot be is said before one is drawn."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress as Bar

    def doing(now: Progress) -> str:
        return escape(on_terminal(now.doing))

    try:
        first = next(work)
    except StopIteration as finished:
        at_once: R = finished.value
        return at_once
    with Bar(console=Console(stderr=True)) as bar:
        task = bar.add_task(doing(first), total=1.0)
        return result_of(
            work, lambda now: bar.update(task, description=doing(now), completed=now.share)
        )


def typed(text: str) -> str:
    """Read a text to look at or to go on with; what END in it is read as, is said."""
    from slm.generation.fitting import typed as as_read

    if note := as_read(text).note:
        print(on_terminal(note), file=sys.stderr)
    return text
