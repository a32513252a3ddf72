"""Where a teacher's lessons lie in a test."""

from pathlib import Path

import pytest

LESSON = """question: What comes next?
minutes: 3
steps:
- text: A model guesses the **next** token.
- guess: Which word?
  choices: [park, moon]
  answer: park
- reveal: It says this.
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A teacher's folder, empty at first."""
    found = tmp_path / "lessons"
    found.mkdir()
    monkeypatch.setenv("SLM_LESSONS", str(found))
    return found
