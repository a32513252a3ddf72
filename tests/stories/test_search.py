"""Search of a whole corpus finds what a reading of it finds, and no expression runs for ever."""

from pathlib import Path

import pytest

from slm.errors import BadInput
from slm.memorization.search import search
from slm.memorization.suffix_index import build_copies
from slm.progress import result_of
from slm.stories.search import CONTEXT, Kind, Query
from tests.conftest import little_stories


def test_words_are_counted_as_a_reader_would_in_capitals_and_across_punctuation(
    corpus: Path,
) -> None:
    found = result_of(search(str(corpus), Query(text="they were HAPPY"), limit=3))
    assert (found.count, found.stories, found.read, found.indexed) == (300, 300, 300, False)
    assert [place.match for place in found.places] == ["They were happy"] * 3
    for place in found.places:
        story = little_stories(300)[place.story]
        assert story[place.start : place.stop] == place.match
        assert story[: place.start].endswith(place.before) and len(place.before) <= CONTEXT
    assert result_of(search(str(corpus), Query(text="hap"))).count == 0  # whole words


def test_the_index_finds_what_reading_finds(corpus: Path) -> None:
    query = Query(text="had a kite")
    read = result_of(search(str(corpus), query))
    for _ in build_copies(str(corpus)):
        pass
    indexed = result_of(search(str(corpus), query))
    assert indexed.indexed and not read.indexed and read.count > 0
    assert (indexed.count, indexed.stories, indexed.read) == (read.count, read.stories, read.read)
    assert indexed.places == read.places


def test_an_expression_is_matched_within_a_story(corpus: Path) -> None:
    found = result_of(search(str(corpus), Query(text=r"number \d{3}\.", kind="regex")))
    assert found.count == sum(len(str(number)) == 3 for number in range(300))


@pytest.mark.parametrize(
    ("text", "kind", "rule"),
    [
        ("...", "text", "needs a word"),
        ("", "regex", "needs an expression"),
        ("(", "regex", "is no regular expression"),
        ("a" * 401, "text", "at most 400 characters, not 401"),
    ],
)
def test_a_search_that_cannot_be_is_one_line(text: str, kind: Kind, rule: str) -> None:
    with pytest.raises(BadInput, match=rule):
        Query(text=text, kind=kind)


def test_an_expression_that_would_run_for_ever_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slm.stories.search.PATIENCE", 0.05)
    with pytest.raises(BadInput, match="takes longer"):
        list(Query(text=r"(?:x|xx)+(?=\d)", kind="regex").spans("x" * 60))
