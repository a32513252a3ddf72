"""Statistics of a corpus's first stories: counts by hand, and each reason why a story is dropped."""

from pathlib import Path

from slm.progress import result_of
from slm.stories.child_words import shipped_words
from slm.stories.diversity import diversity
from slm.stories.statistics import first_stories, statistics
from tests.conftest import write_corpus


def test_words_lengths_and_openings_are_counted(tmp_path: Path) -> None:
    told = ["The dog ran to Tom. The dog sat.", "The dog ran to the zygote and Tom was glad."]
    path = write_corpus(tmp_path / "a.txt", told)
    read = result_of(first_stories(str(path)))
    found = statistics(read)
    assert read.whole and read.stories == tuple(told)
    assert found.lengths == (8, 10)
    words = {one.word: (one.count, one.stories) for one in found.commonest}
    assert words["the"] == (4, 2) and words["dog"] == (3, 2)
    assert [one.word for one in found.outside] == ["zygote"]


def test_what_is_dropped_is_kept_with_its_reason(tmp_path: Path) -> None:
    path = write_corpus(
        tmp_path / "a.txt", ["Tom ran home. He was glad."] * 2 + ["It was a long day and the"]
    )
    report = result_of(first_stories(str(path))).report
    assert report.stories["duplicate"] == ["Tom ran home. He was glad."]
    assert report.stories["truncated"] == ["It was a long day and the"]


def test_only_the_first_stories_are_read(corpus: Path) -> None:
    read = result_of(first_stories(str(corpus), 20))
    assert len(read.stories) == 20 and not read.whole


def test_a_child_knows_forms_of_listed_words_and_no_others() -> None:
    words = shipped_words()
    assert min(len(words.nouns), len(words.verbs), len(words.adjectives)) > 200
    assert all(words.knows(word) for word in ("dogs", "running", "Ran", "bigger", "don't"))
    assert not any(words.knows(word) for word in ("zygote", "epistemology"))


def test_stories_that_repeat_each_other_are_near_and_less_distinct() -> None:
    apart = ["one two three four five six", "seven eight nine ten eleven twelve"]
    same = [apart[0], apart[0]]
    assert diversity(apart).distinct == 1.0 and diversity(same).distinct == 0.5
    assert diversity(same).pairs[0].overlap == 1.0
    assert diversity(same).same_opening.hits == 2 and diversity(apart).same_opening.hits == 1
