"""Grammar: what is wrong in what was written is found, and nothing is held against the opening."""

import pytest

from slm.scores.grammar import grammar_findings
from slm.scores.texts import CompletedStory


@pytest.mark.parametrize(
    ("completion", "found"),
    [
        (" They was happy.", ["was"]),
        (" He had a apple.", ["a"]),
        (" She went to the the park.", ["the the"]),
        (" He was very hapqy.", ["hapqy"]),
        (" Sam and Mia saw a snow cat far away.", []),
    ],
)
def test_faults_are_found_where_they_stand(completion: str, found: list[str]) -> None:
    story = CompletedStory(opening="Tom had a dog.", completion=completion)
    assert [story.text[one.start : one.stop] for one in grammar_findings(story)] == found


def test_the_opening_is_not_the_models_and_its_words_are_no_misspellings() -> None:
    story = CompletedStory(
        opening="They was with Zorblat the frog.", completion=" Zorblat ran home."
    )
    assert grammar_findings(story) == []
