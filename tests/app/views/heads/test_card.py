"""A card names the word that a head looks at, however it was cut into tokens."""

import pytest

from app.views.heads.card import word_of


@pytest.mark.parametrize(
    ("at", "word"), [(0, "Leo"), (1, "Leo"), (2, "ran"), (3, "."), (4, "Sunday"), (5, "Sunday")]
)
def test_a_token_is_named_by_its_whole_word_at_the_beginning_and_the_end_too(
    at: int, word: str
) -> None:
    assert word_of(["L", "eo", " ran", ".", " Sun", "day"], at) == word
