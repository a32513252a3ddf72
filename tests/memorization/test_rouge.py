"""Rouge is what a well-kept library says it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from slm.memorization.rouge import f_measure, precision, words

story = st.lists(
    st.sampled_from(["The", "cat", "a", "dog", "don't", "sat.", '"Hi!"', "and", "12"]), min_size=4
).map(" ".join)


@given(story, story, st.integers(1, 4))
def test_rouge_is_what_the_library_says(one: str, other: str, k: int) -> None:
    kind = f"rouge{k}"
    theirs = RougeScorer([kind], use_stemmer=False).score(target=other, prediction=one)[kind]
    first, second = ([word.text for word in words(text)] for text in (one, other))
    assert precision(first, second, k) == pytest.approx(theirs.precision)
    assert f_measure(first, second, k) == pytest.approx(theirs.fmeasure)


def test_a_text_too_short_for_a_k_gram_has_no_precision() -> None:
    assert precision(["a", "b"], ["a", "b"], 3) is None
    assert f_measure(["a", "b"], ["a", "b", "c"], 3) is None


def test_words_know_where_they_stand() -> None:
    text = "Tom said, Don't!"
    assert [(word.text, text[word.start : word.stop]) for word in words(text)] == [
        ("tom", "Tom"),
        ("said", "said"),
        ("don", "Don"),
        ("t", "t"),
    ]
