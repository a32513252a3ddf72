"""A message is one line, whatever was given."""

import pickle
from pathlib import Path

import pytest

from slm.errors import LONGEST_MESSAGE, LONGEST_VALUE, BadInput, one_line, shown


def test_a_value_is_shown_as_python_writes_it() -> None:
    assert shown("ran") == "'ran'"
    assert shown(3.5) == "3.5"
    assert shown(None) == "None"
    assert shown(["a", 1]) == "['a', 1]"
    assert shown({"kind": "fact"}) == "{'kind': 'fact'}"
    assert shown(Path("a/b.txt")) == "'a/b.txt'"


@pytest.mark.parametrize(
    "value",
    [
        "x" * 5_000_000,
        "\u202e" * 200,
        "\x1b" * 5000,
        ["x" * 5000] * 5000,
        {str(n): "y" * 5000 for n in range(5000)},
        {"y" * 5000: ["z"] * 5000},
        b"\0" * 5000,
        10**4000,
        set(range(9999)),
    ],
)
def test_a_value_of_any_size_is_shown_in_one_line(value: object) -> None:
    line = shown(value)
    assert len(line) <= LONGEST_VALUE
    assert "…" in line or "..." in line
    assert line.isprintable()


def test_a_value_that_holds_itself_many_times_over_is_shown_at_once() -> None:
    nested: list[object] = ["x"] * 9
    for _ in range(30):
        nested = [nested] * 9
    assert len(shown(nested)) <= LONGEST_VALUE


def test_what_would_break_a_line_or_turn_it_round_is_escaped() -> None:
    assert shown("a\nb\u2028c\u202ed\x1b[31m") == r"'a\nb\u2028c\u202ed\x1b[31m'"
    assert one_line("a\nb\u2028c\u202ed\x1b[31m \ud800") == r"a b\u2028c\u202ed\x1b[31m \ud800"


def test_letters_of_any_script_are_left_as_they_are() -> None:
    assert shown("Zoé 小米 सोनू 😀") == "'Zoé 小米 सोनू 😀'"
    assert one_line("Zoé 小米 😀") == "Zoé 小米 😀"


def test_bad_input_is_one_line_however_it_was_made() -> None:
    error = BadInput("a name must be short, not " + "x\n" * 1_000_000)
    assert len(str(error)) == LONGEST_MESSAGE
    assert "\n" not in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
