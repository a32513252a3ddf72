"""Files of a model as they lie: small ones that hold JSON, and those that only stand for a file."""

import json
from pathlib import Path
from typing import Any

from slm.errors import BadInput

JSON_BYTES = 50_000_000
"""The longest JSON file that is read: the largest tokenizer.json of 65,536 tokens has a tenth of it."""
POINTER = b"version https://git-lfs.github.com/spec/"


def refuse_pointer(path: Path) -> None:
    """Raise `BadInput` where a file is a pointer of git-lfs, which a clone without git-lfs leaves."""
    with path.open("rb") as file:
        begins = file.read(len(POINTER))
    if begins == POINTER:
        raise BadInput(
            f"{path.name} is only git-lfs's pointer to the file: git lfs pull fetches the file itself"
        )


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object from a file; `BadInput` where it is none or larger than `JSON_BYTES`."""
    try:
        if path.stat().st_size > JSON_BYTES:
            raise BadInput(f"{path.name} must be at most {JSON_BYTES // 10**6} MB")
        refuse_pointer(path)
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path.name} is no JSON: {error}") from None
    except OSError as error:
        raise BadInput(f"{path.name} cannot be read: {error.strerror}") from None
    if not isinstance(data, dict):
        raise BadInput(f"{path.name} must hold a JSON object")
    return data
