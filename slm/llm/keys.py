"""The API key of a judge, found where none is typed; it is never kept or written."""

import os
import tomllib
from pathlib import Path

NAME = "OPENAI_API_KEY"


def found_key() -> str:
    """Return the API key from the environment, else from Streamlit's secrets file; empty where none is.

    The file is `.streamlit/secrets.toml`, of this folder or of the user, as Streamlit reads it.
    """
    if key := os.environ.get(NAME, "").strip():
        return key
    for folder in (Path.cwd(), Path.home()):
        try:
            secrets = tomllib.loads((folder / ".streamlit" / "secrets.toml").read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
            continue
        found = secrets.get(NAME)
        if isinstance(found, str) and found.strip():
            return found.strip()
    return ""
