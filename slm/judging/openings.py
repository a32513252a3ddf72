"""Beginnings of stories from a person's own file, for a model to go on with and a judge to read."""

import json
import re
from pathlib import Path

import yaml

from slm.errors import BadInput


def read_openings(path: Path) -> tuple[str, ...]:
    """Openings from a .txt (blank lines between), .json or .yaml file holding a list of strings."""
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            found = json.loads(text)
        elif path.suffix in (".yaml", ".yml"):
            found = yaml.safe_load(text)
        else:
            found = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    except OSError as error:
        raise BadInput(f"no openings in {str(path)!r}: {error.strerror}") from None
    except (json.JSONDecodeError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(found, list) or not found or not all(isinstance(o, str) for o in found):
        raise BadInput(f"{path} must hold a list of openings, each a text")
    return tuple(found)
