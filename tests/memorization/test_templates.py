"""Template copies: a planted one is found with its story, an exact one and a new one are told apart."""

from pathlib import Path

import pytest

from slm.memorization.kept import indexed
from slm.memorization.suffix_index import CopyIndex, plain_words
from slm.memorization.templates import masked_words, most_alike
from slm.progress import result_of
from slm.stories import nursery, shipped
from tests.conftest import write_corpus

STORIES = [story.text for story in shipped.stories()]
TALE = (
    "One day, Tim went to the park. He met his friend Sue there. Tim had a red kite and Sue had a "
    "long string. They tied the string to the kite and ran as fast as they could. The kite flew up "
    "over the trees. Then Sue laughed and said that Tim was the best friend of all."
)


@pytest.fixture
def masked(tmp_path: Path) -> CopyIndex:
    corpus = write_corpus(tmp_path / "corpus.txt", [*STORIES, TALE])
    return result_of(indexed(str(corpus), masked=True))


def test_names_and_places_are_masked_and_every_word_keeps_its_place() -> None:
    assert masked_words("Then Brunhilde ran. Brunhilde saw Tim in the park.") == [
        "then",
        "<name>",
        "ran",
        "<name>",
        "saw",
        "<name>",
        "in",
        "the",
        "<place>",
    ]
    assert masked_words('Lily said, "Look! I will go." The will is strong.') == [
        "<name>",
        "said",
        "look",
        "i",
        "will",
        "go",
        "the",
        "will",
        "is",
        "strong",
    ]
    for story in [TALE, *STORIES, *(nursery.story(3, number).text for number in range(20))]:
        assert len(masked_words(story)) == len(plain_words(story))


def test_a_story_with_other_names_and_another_place_is_a_template_copy(masked: CopyIndex) -> None:
    told = TALE.replace("Tim", "Oscar").replace("Sue", "Xanthippe").replace("park", "beach")
    found = most_alike(told, masked)
    assert found is not None and found.kind == "template copy"
    assert masked.story(found.story) == TALE
    assert found.masked == 1.0 > found.plain > 0


def test_a_word_or_two_changed_besides_is_a_template_copy_still(masked: CopyIndex) -> None:
    told = TALE.replace("Tim", "Oscar").replace("a red kite", "a big kite")
    found = most_alike(told, masked)
    assert found is not None and found.kind == "template copy" and 0.8 <= found.masked < 1


def test_the_story_itself_is_an_exact_copy_and_another_none(masked: CopyIndex) -> None:
    same = most_alike(TALE, masked)
    assert same is not None and same.kind == "exact copy" and same.plain == 1.0
    for number in range(5):
        other = most_alike(nursery.story(3, number).text, masked)
        assert other is None or other.kind is None
    assert most_alike("Zebras juggle.", masked) is None
