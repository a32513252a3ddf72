"""Word classes are what their names say, and stand where the word's first token is."""

import re

from slm.stories.annotation.labelled import ROLES, classes_of, first_str_tokens, with_roles
from slm.stories.annotation.word_classes import (
    AFTER_DETERMINER,
    AFTER_NAMED,
    AFTER_TO,
    CLASSES,
    ED,
    ING,
    LISTS,
    LY,
    NAME_AGAIN,
    NAME_FIRST,
    OPENS_QUOTATION,
    OPENS_SENTENCE,
    PRONOUN,
    classed_words,
)
from slm.stories.nursery import Role
from slm.stories.tokenizer import Tokenizer

TEXT = 'A dog named Rex wanted to play. Suddenly, Rex said, "We are going!" Then Tom\u2019s cat jumped.'


def classes(text: str) -> dict[str, set[str]]:
    return {text[word.start : word.end]: set(word.classes) for word in classed_words(text)}


def test_each_class_holds_the_words_it_names() -> None:
    found = list(classed_words(TEXT))
    words = [TEXT[word.start : word.end] for word in found]
    assert " ".join(words) == re.sub(r'[.,!"]', "", TEXT)

    def of(name: str) -> list[str]:
        return [word for word, one in zip(words, found, strict=True) if name in one.classes]

    assert of(NAME_FIRST) == ["Rex", "Tom\u2019s"] and of(NAME_AGAIN) == ["Rex"]
    assert of(AFTER_NAMED) == ["Rex"] and of(AFTER_TO) == ["play"]
    assert of(OPENS_QUOTATION) == ["We"] and of(OPENS_SENTENCE) == ["A", "Suddenly", "Then"]
    assert of(PRONOUN) == ["We"] and of(AFTER_DETERMINER) == ["dog"]
    assert (
        of(ED) == ["named", "wanted", "jumped"] and of(ING) == ["going"] and of(LY) == ["Suddenly"]
    )


def test_a_capital_that_opens_a_sentence_makes_no_name_but_is_remembered() -> None:
    found = classes("Tom ran. Then Tom sat. I met I. Green.")
    assert found["Then"] == {OPENS_SENTENCE}
    assert found["I"] == {PRONOUN}
    assert [w.classes for w in classed_words("Tom ran to Tom.")][3] == {NAME_AGAIN}


def test_a_quotation_closes_without_opening_one() -> None:
    assert OPENS_QUOTATION not in classes('"Go!" she said.')["she"]
    assert OPENS_SENTENCE in classes('"Go!" Then he ran.')["Then"]


def test_the_lists_are_in_small_letters_and_every_class_is_known() -> None:
    assert all(words == words.lower() for words in LISTS.values())
    assert len(set(CLASSES)) == len(CLASSES)


def test_labels_stand_where_words_begin(tokenizer: Tokenizer) -> None:
    story = classes_of(TEXT, tokenizer)
    str_tokens = first_str_tokens(tokenizer, [story])
    words = [TEXT[word.start : word.end].lower() for word in classed_words(TEXT)]
    assert len(str_tokens) == len(words)
    assert all(
        word.startswith(str_token) for word, str_token in zip(words, str_tokens, strict=True)
    )
    named = story.labels[:, CLASSES.index(AFTER_NAMED)]
    assert named.nonzero()[0].tolist() == [3]


def test_a_nursery_word_has_its_role_and_what_else_is_known_of_it(tokenizer: Tokenizer) -> None:
    stories = with_roles(tokenizer, 20, seed=5)
    for story in stories:
        assert (story.labels[:, : len(Role)].sum(1) == 1).all()
        assert story.labels[:, ROLES.index(Role.HERO_FIRST.value)].sum() == 1
    assert sum(story.labels[:, ROLES.index(AFTER_NAMED)].sum() for story in stories) > 0
    assert sum(story.labels[:, ROLES.index(OPENS_QUOTATION)].sum() for story in stories) > 20
