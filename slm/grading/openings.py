"""Beginnings of stories from a person's own file, for a model to go on with and a judge to read."""

import csv
import io
import json
import re
from collections.abc import Iterable
from pathlib import Path

from slm.errors import BadInput, one_line, shown
from slm.stories.instruct import compose, is_record, parse_record, whole_records
from slm.stories.text_files import BLANK_LINE
from slm.stories.tokenizer import END
from slm.yaml_files import read_yaml

FORMS = (".txt", ".yaml", ".yml", ".json", ".jsonl", ".csv")
FIELDS = ("opening", "prompt", "text", "story")
"""What the opening is called in a file of records."""

BEGINNING = 40
"""Words up to which what stands after `Story:` may be the beginning that is to be gone on with."""

_STORY = re.compile(r"^Story:", re.MULTILINE)


def read_openings(path: Path) -> tuple[str, ...]:
    """Read openings from a file of one of the `FORMS`; `BadInput` where it cannot be read."""
    try:
        return parse_openings(str(path), path.read_bytes())
    except OSError as error:
        raise BadInput(f"no openings in {shown(path)}: {error.strerror}") from None


def parse_openings(name: str, data: bytes) -> tuple[str, ...]:
    """Parse openings from a file's data, by its suffix. The paper's own file is a YAML list of strings.

    The space at an opening's end, which a model writes itself, is removed, and an opening that occurs
    twice is kept once. A request that lacks its `Story:` gets it, and of a record of Instruct data, whose
    story is there already, the request is kept. Raises `BadInput` for another
    format, and for anything but non-empty texts.
    """
    kind = Path(name).suffix.lower()
    if kind not in FORMS:
        raise BadInput(f"openings are {', '.join(FORMS)}, not {shown(Path(name).name)}")
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        if kind in (".yaml", ".yml"):
            found = read_yaml(name, text)
        elif kind == ".json":
            found = json.loads(text)
        elif kind == ".jsonl":
            found = [json.loads(line) for line in text.split("\n") if line.strip()]
        elif kind == ".csv":
            found = _of_csv(text)
        else:
            found = _of_text(text)
    except (ValueError, RecursionError, csv.Error) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{name} cannot be read: {one_line(str(error), 300)}") from None
    if not isinstance(found, list) or not found:
        raise BadInput(f"{name} must hold a list of openings, each a text")
    texts = (_text_of(item, f"opening {at} of {name}") for at, item in enumerate(found, 1))
    openings = tuple(dict.fromkeys(_whole(text.strip()) for text in texts))
    if "" in openings:
        raise BadInput(f"{name} holds an empty opening")
    return openings


def _text_of(item: object, where: str) -> str:
    """Return an opening given as a text, or as the one field of a record in `FIELDS`."""
    if isinstance(item, str):
        return item
    if isinstance(item, dict):
        found = [item[field] for field in FIELDS if isinstance(item.get(field), str)]
        if len(found) == 1:
            return found[0]
    raise BadInput(f"{where} must be a text, or have one {' or '.join(FIELDS)}, not {shown(item)}")


def _whole(opening: str) -> str:
    """Append the missing `Story:` line to a request, and take a whole story off a record."""
    if not is_record(opening):
        return opening
    record = parse_record(opening)
    whole = record.order and len((record.story or "").split()) > BEGINNING
    return compose(record) if whole or not _STORY.search(opening) else opening


def _of_csv(text: str) -> list[object]:
    """Read CSV rows as records; a single column needs no heading."""
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    if rows and all(len(row) == 1 for row in rows) and rows[0][0].casefold() not in FIELDS:
        return [row[0] for row in rows]
    heading = [name.strip().casefold() for name in rows[0]] if rows else []
    return [dict(zip(heading, row, strict=False)) for row in rows[1:]]


def _of_text(text: str) -> list[str]:
    """Split a text into openings: at marks, into requests, at blank lines, or by line."""
    text = text.strip()
    if END in text:
        parts: Iterable[str] = text.split(END)
    elif is_record(text):
        parts = whole_records(BLANK_LINE.split(text))
    elif BLANK_LINE.search(text):
        parts = BLANK_LINE.split(text)
    else:
        parts = text.split("\n")
    return [part for part in parts if part.strip()]
