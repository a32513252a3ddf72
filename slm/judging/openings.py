"""Beginnings of stories from a person's own file, for a model to go on with and a judge to read."""

import json
import re
from pathlib import Path

import yaml

from slm.errors import BadInput


def read_openings(path: Path) -> tuple[str, ...]:
    """Openings from a .txt (blank lines between), .json or .yaml file holding a list of strings."""
    try:
        return parse_openings(str(path), path.read_bytes())
    except OSError as error:
        raise BadInput(f"no openings in {str(path)!r}: {error.strerror}") from None


def parse_openings(name: str, data: bytes) -> tuple[str, ...]:
    """Openings from what a file of that name holds. The paper's own file is a YAML list of strings.

    The space at an opening's end, which a model writes itself, is taken off, and an opening that
    comes twice is kept once. Raises `BadInput` for anything but a list of texts that are not empty.
    """
    kind = Path(name).suffix.lower()
    try:
        text = data.decode("utf-8-sig")
        if kind == ".json":
            found = json.loads(text)
        elif kind in (".yaml", ".yml"):
            found = yaml.safe_load(text)
        else:
            found = [part for part in re.split(r"\r?\n[ \t]*\r?\n", text) if part.strip()]
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise BadInput(f"{name} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(found, list) or not found or not all(isinstance(o, str) for o in found):
        raise BadInput(f"{name} must hold a list of openings, each a text")
    openings = tuple(dict.fromkeys(opening.strip() for opening in found))
    if "" in openings:
        raise BadInput(f"{name} holds an empty opening")
    return openings
