"""The one error a person can cause, in one line, and how that line shows what was given."""

import reprlib
from pathlib import Path

from slm.text import visible

LONGEST_VALUE = 120
LONGEST_MESSAGE = 1000
"""Characters: of a value within a message, and of a whole message."""


class BadInput(ValueError):
    """Something a person gave cannot be used. The message is one line: the rule, then the value.

    What could break the line or steer a terminal is escaped, and what is too long is cut: no file
    makes a message larger than a line.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message, LONGEST_MESSAGE))


def shown(value: object) -> str:
    """Show a value within a message: as Python writes it, escaped, in at most `LONGEST_VALUE`."""
    return _short.repr(str(value) if isinstance(value, Path) else value)


def one_line(text: str, longest: int = LONGEST_VALUE) -> str:
    """Show a text in one line, without quotes: spaces for line ends, controls escaped, cut short."""
    kept = text[: 2 * longest].replace("\n", " ").replace("\r", " ")
    line = visible(kept)
    return line if len(line) <= longest and len(kept) == len(text) else line[: longest - 1] + "…"


class _Short(reprlib.Repr):
    """`repr` of what a file held: a few items of a few levels, and in all no longer than a line."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxdict, self.maxlist, self.maxtuple = 2, 3, 3, 3
        self.maxother = self.maxlong = 60

    def repr(self, x: object) -> str:
        return one_line(super().repr(x))

    def repr_str(self, x: str, level: int) -> str:
        """Show the beginning, where reprlib would show both ends."""
        longest = LONGEST_VALUE - 10
        return repr(x) if len(x) <= longest else f"{x[:longest]!r}…"


_short = _Short()
