"""Inflections: every form that a story of the nursery uses is found, and no other word is taken for one."""

from importlib import resources

import pytest

from slm.stories.inflections import contains_word, inflections, words_of


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("run", "He was running."),
        ("run", "Ben RAN home."),
        ("hop", "It hopped."),
        ("bake", "Baking is fun."),
        ("carry", "She carries it."),
        ("happy", "the happiest of all"),
        ("big", "A bigger one."),
        ("box", "two boxes"),
        ("leaf", "leaves fell"),
        ("child", "the children's game"),
        ("ball", "It was the ball\u2019s fault."),
        ("car", "a toy-car race"),
        ("teddy bear", "Bears like a teddy."),
        ("be", "He was."),
    ],
)
def test_a_word_is_found_in_any_form(word: str, text: str) -> None:
    assert contains_word(text, word)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("run", "A rung of the ladder; the prune."),
        ("car", "She cared and carried a card."),
        ("ball", "a balloon"),
        ("teddy bear", "a bear"),
        ("hat", "hating"),
        ("", "nothing"),
    ],
)
def test_another_word_is_no_form_of_it(word: str, text: str) -> None:
    assert not contains_word(text, word)


def test_the_forms_of_every_activity_of_the_nursery_are_known() -> None:
    book = resources.files("slm.stories.nursery").joinpath("book", "activities.txt")
    lines = [line for line in book.read_text("utf-8").splitlines() if line[:1] not in ("#", "")]
    for line in lines:
        verb, *others = [form.partition("/")[0] for form in line.split(" | ")[0].split()]
        assert set(others) <= inflections(verb), verb


def test_words_come_in_lower_case_and_without_marks() -> None:
    assert words_of("Tom\u2019s well-known hat!") == {
        "tom's",
        "tom",
        "well-known",
        "well",
        "known",
        "hat",
    }
