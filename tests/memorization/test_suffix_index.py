"""Copies from a corpus: exact over all of it, found as a naive search finds them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slm.errors import BadInput
from slm.memorization import suffix_index as copies
from slm.memorization.suffix_index import Copy, CopyIndex, build_copies, open_copies, plain_words
from tests.conftest import little_stories, write_corpus


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CopyIndex]:
    """An index of 120 little stories, in several parts."""
    folder = tmp_path_factory.mktemp("copies")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLM_RUNS", str(folder))
        patch.setattr(copies, "PART_BYTES", 5000)
        corpus = str(write_corpus(folder / "corpus.txt", little_stories(120)))
        *_, last = build_copies(corpus)
        found = open_copies(corpus)
        assert found is not None and len(found.parts) > 2
        assert last.stories == len(found) == 120
        yield found


VOCABULARY = sorted({word for story in little_stories(120) for word in plain_words(story)})
passages = st.lists(st.sampled_from([*VOCABULARY, "zebra"]), min_size=1, max_size=12)
ALL = [plain_words(story) for story in little_stories(120)]


def naive_count(passage: list[str]) -> int:
    k = len(passage)
    return sum(
        story[first : first + k] == passage for story in ALL for first in range(len(story) - k + 1)
    )


def stretches() -> st.SearchStrategy[list[str]]:
    return st.tuples(st.sampled_from(ALL), st.integers(0, 20), st.integers(1, 12)).map(
        lambda drawn: drawn[0][drawn[1] : drawn[1] + drawn[2]]
    )


@settings(max_examples=60)
@given(st.one_of(passages, stretches()))
def test_a_passage_is_counted_as_often_as_it_occurs(index: CopyIndex, passage: list[str]) -> None:
    assert index.count(passage) == naive_count(passage)


@settings(max_examples=40)
@given(st.lists(st.one_of(passages, stretches()), min_size=1, max_size=3))
def test_copies_are_the_longest_there_are(index: CopyIndex, parts: list[list[str]]) -> None:
    text = [word for part in parts for word in part]
    found = copies.copies(index.matches(text), 3)
    for copy in found:
        passage = text[copy.start : copy.stop]
        assert naive_count(passage) > 0 and passage == _slice_of(ALL[copy.story], passage)
        if copy.stop < len(text):
            assert naive_count(text[copy.start : copy.stop + 1]) == 0
    covered = {at for copy in found for at in range(copy.start, copy.stop)}
    for first in range(len(text) - 2):
        if naive_count(text[first : first + 3]):
            assert set(range(first, first + 3)) <= covered


def _slice_of(story: list[str], passage: list[str]) -> list[str] | None:
    k = len(passage)
    return next((story[i : i + k] for i in range(len(story)) if story[i : i + k] == passage), None)


def test_a_whole_story_is_its_own_copy_and_can_be_read(index: CopyIndex) -> None:
    for number in (0, 57, 119):
        (copy,) = copies.copies(index.matches(ALL[number]), 5)
        assert copy == Copy(start=0, stop=len(ALL[number]), story=number)
        assert index.story(number) == little_stories(120)[number]
        assert number in index.stories_with(ALL[number][3:9], limit=1000)


def test_no_copy_reaches_over_the_end_of_a_story(index: CopyIndex) -> None:
    joined = ALL[0][-4:] + ALL[1][:4]
    assert index.count(joined) == 0
    assert max(map(len, copies.copies(index.matches(joined), 2))) < 8


def test_where_none_was_made_there_is_none(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "other.txt", little_stories(3))
    assert open_copies(str(corpus)) is None


def test_an_index_ended_early_leaves_nothing(runs: Path, corpus: Path) -> None:
    building = build_copies(str(corpus))
    next(building)
    building.close()
    assert not any((runs / ".corpora").iterdir())


def test_a_corpus_without_stories_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("<|endoftext|>\n", encoding="utf-8")
    with pytest.raises(BadInput, match="no story"):
        list(build_copies(str(tmp_path / "empty.txt")))


@pytest.mark.parametrize(
    "name",
    ["manifest.json", "words.npy", "texts.npy", "stories.txt", "0000.words", "0000.order.npy"],
)
def test_a_damaged_index_counts_as_none_and_is_made_again(
    runs: Path, corpus: Path, name: str
) -> None:
    *_, _last = build_copies(str(corpus))
    (path,) = runs.glob(f".corpora/copies-*/{name}")
    path.write_bytes(path.read_bytes()[:-3])
    assert open_copies(str(corpus)) is None
    *_, _last = build_copies(str(corpus))
    found = open_copies(str(corpus))
    assert found is not None and len(found) == 300
