"""Where a key is found when nobody types one."""

from pathlib import Path

import pytest

from slm.llm.keys import found_key


@pytest.fixture(autouse=True)
def nobodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder and a home that hold no key."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def secrets(folder: Path, text: str) -> None:
    (folder / ".streamlit").mkdir(parents=True)
    (folder / ".streamlit" / "secrets.toml").write_text(text, encoding="utf-8")


def test_there_may_be_none(nobodys: Path) -> None:
    assert found_key() == ""


def test_the_environment_comes_first_then_this_folder_then_home(
    nobodys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets(nobodys / "home", 'OPENAI_API_KEY = "sk-home"')
    assert found_key() == "sk-home"
    secrets(nobodys, 'OPENAI_API_KEY = " sk-here "\n[other]\nx = 1')
    assert found_key() == "sk-here"
    monkeypatch.setenv("OPENAI_API_KEY", "sk-environment")
    assert found_key() == "sk-environment"


@pytest.mark.parametrize("text", ["OPENAI_API_KEY = 3", "= broken", "", 'OPENAI_API_KEY = ""'])
def test_a_file_without_a_key_is_no_error(nobodys: Path, text: str) -> None:
    secrets(nobodys, text)
    assert found_key() == ""
