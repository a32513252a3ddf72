"""Text that a person, a model, a corpus or a server wrote, shown as the characters it is.

One way for each place where it can be read: here for a terminal, HTML and CSV; `app.text` has those
for Streamlit's markdown and for plotly.
"""

import html
import io
import json
import re
from collections.abc import Iterable
from csv import reader

from slm.json_values import json_value

BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Characters that Unicode counts as printable, and that show nothing."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would calculate."""
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?", re.ASCII)


def visible(text: str, keep: str = "") -> str:
    """Replace what can't be seen, or turns its neighbours round, by Python's escape; not `keep`.

    These are the characters that `str.isprintable` refuses (controls, format characters such as
    U+200B and U+202E, spaces other than " ", line ends, lone surrogates, unassigned ones), and `BLANK`.
    """
    if text.isprintable() and BLANK.isdisjoint(text):
        return text
    return "".join(c if c in keep else _escaped(c) for c in text)


def _escaped(c: str) -> str:
    if c in BLANK:
        return f"\\u{ord(c):04x}"
    return c if c.isprintable() else repr(c)[1:-1]


def on_terminal(text: str) -> str:
    """Return `visible` text with its lines and tabs; it cannot move the cursor or give a command."""
    return visible(text, keep="\n\t")


def as_json(data: object) -> str:
    """Serialise a result to one line of JSON with invisible characters escaped."""
    written = json.dumps(json_value(data), ensure_ascii=False)
    return re.sub(
        r"[^ -~]", lambda c: c[0] if c[0].isprintable() else json.dumps(c[0])[1:-1], written
    )


def in_html(text: str) -> str:
    """Escape `visible` text for an HTML element or attribute; lines and tabs are kept."""
    return html.escape(visible(text, keep="\n\t"))


def csv(header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    """Format rows as CSV, text quoted.

    A text that a spreadsheet would calculate gets an apostrophe before it, but for a number such as
    -0.5, which calculates nothing; JSON has it unchanged.
    """

    def cell(value: object) -> str:
        if not isinstance(value, str) or NUMBER.fullmatch(value):
            return str(value)
        safe = f"'{value}" if value.lstrip("'").startswith(FORMULA) else value
        return '"' + safe.replace('"', '""') + '"'

    return "\n".join(",".join(map(cell, row)) for row in (header, *rows)) + "\n"


def csv_as_json(text: str) -> str:
    """Convert the output of `csv` to JSON: its columns, and its rows as lists.

    A column of numbers alone becomes numbers, with null where it is empty or NaN.
    """
    header, *rows = reader(io.StringIO(text, newline=""))
    empty = ("", "nan")
    numbers = [
        all(row[at] in empty or NUMBER.fullmatch(row[at]) for row in rows)
        for at in range(len(header))
    ]

    def value(cell: str, number: bool) -> object:
        if number:
            return (
                None
                if cell in empty
                else int(cell)
                if re.fullmatch(r"[+-]?\d+", cell)
                else float(cell)
            )
        return cell[1:] if cell[:1] == "'" and cell.lstrip("'").startswith(FORMULA) else cell

    return as_json(
        {
            "columns": header,
            "rows": [[value(*pair) for pair in zip(row, numbers, strict=True)] for row in rows],
        }
    )
