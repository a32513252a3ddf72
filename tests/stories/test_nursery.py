"""The nursery: every word is known for what it is, and the stories hold together."""

import re
from collections import Counter
from functools import cache
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm.errors import BadInput
from slm.stories.nursery import Feature, NurseryStory, Role, stories, story
from slm.stories.nursery.book import read_book
from slm.stories.nursery.template import Reader

indices = st.integers(0, 10**9)


@cache
def written() -> list[NurseryStory]:
    """The first thousand stories, written once for all tests here."""
    return list(stories(1000))


def said(one: NurseryStory, *roles: Role) -> list[str]:
    return [one.text[s.start : s.end] for s in one.spans if s.role in roles]


@given(indices, indices)
def test_every_word_has_exactly_one_role(seed: int, index: int) -> None:
    one = story(seed, index)
    words = [(m.start(), m.end()) for m in re.finditer(r"[A-Za-z]+(?:'[a-z]+)?", one.text)]
    assert [(s.start, s.end) for s in one.spans] == words


@given(indices, indices)
def test_the_protagonist_is_first_mentioned_once_and_before_all_later_mentions(
    seed: int, index: int
) -> None:
    one = story(seed, index)
    roles = [s.role for s in one.spans if s.role in (Role.HERO_FIRST, Role.HERO)]
    assert roles[0] == Role.HERO_FIRST
    assert roles.count(Role.HERO_FIRST) == 1
    assert said(one, Role.HERO_FIRST)[0].lower() == one.hero.lower()


@given(indices, indices)
def test_others_are_first_mentioned_before_they_are_mentioned_again(seed: int, index: int) -> None:
    roles = [s.role for s in story(seed, index).spans]
    firsts = [at for at, role in enumerate(roles) if role == Role.OTHER_FIRST]
    assert len(firsts) <= 2
    assert Role.OTHER not in roles[: firsts[0] if firsts else None]


@given(indices, indices)
def test_a_protagonist_has_one_name_and_one_kind(seed: int, index: int) -> None:
    one = story(seed, index)
    names = {name.lower().removesuffix("'s") for name in said(one, Role.HERO_FIRST, Role.HERO)}
    assert one.hero.lower() in names and len(names) <= 2


@given(indices)
def test_the_gender_of_the_protagonist_never_changes(index: int) -> None:
    spans = [s for s in story(0, index).spans if s.role == Role.HERO_PRONOUN and not s.quoted]
    text = story(0, index).text
    forms = {text[s.start : s.end].lower() for s in spans}
    assert forms <= {"she", "her", "herself"} or forms <= {"he", "him", "his", "himself"}


@given(indices)
def test_the_gender_of_nobody_else_changes(index: int) -> None:
    """Between two mentions of others, all pronouns for others are of whoever was mentioned last."""
    one = story(0, index)
    forms: dict[str, set[str]] = {}
    last = ""
    for span in one.spans:
        word = one.text[span.start : span.end].lower()
        if span.role in (Role.OTHER_FIRST, Role.OTHER):
            last = word
        elif span.role == Role.OTHER_PRONOUN and not span.quoted:
            forms.setdefault(last, set()).add("f" if word in ("she", "her", "herself") else "m")
    assert all(len(sexes) == 1 for sexes in forms.values()), one.text


def test_the_same_seed_and_index_write_the_same_story_and_others_write_others() -> None:
    assert story(3, 14) == story(3, 14)
    assert len({one.text for one in written()}) == 1000
    assert list(stories(3, seed=1, first=5)) == [story(1, 5), story(1, 6), story(1, 7)]


def test_dialogue_is_told_by_its_quotation_marks_which_are_paired() -> None:
    for one in written():
        assert one.text.count('"') % 2 == 0
        assert (Feature.DIALOGUE in one.features) == ('"' in one.text)
        for span in one.spans:
            assert span.quoted == (one.text[: span.start].count('"') % 2 == 1)


def test_articles_agree_with_the_next_word() -> None:
    for one in written():
        assert not re.search(r"\b[Aa] [aeiou]", one.text), one.text
        assert not re.search(r"\b[Aa]n (?!hour|honest)[^aeiou]", one.text), one.text


def test_protagonists_are_introduced_in_three_ways_that_can_be_told_apart() -> None:
    kinds = {one.introduction for one in written()}
    assert kinds == {"named", "plain", "unnamed"}
    for one in written():
        first = next(s for s in one.spans if s.role == Role.HERO_FIRST)
        after_named = one.text[: first.start].endswith("named ")
        assert after_named == (one.introduction == "named")
        assert one.text[first.start].isupper() == (one.introduction != "unnamed")


def test_sentences_begin_large_and_end() -> None:
    for one in written():
        assert one.text[-1] in '."'
        assert not re.search(r"[.!?]\"? [a-z]", re.sub(r'[!?.]" \w', "", one.text)), one.text
        assert "  " not in one.text and "{" not in one.text and "[" not in one.text


def test_names_first_letters_tell_the_characters_apart() -> None:
    for one in written():
        names = [
            name[0] for name in said(one, Role.HERO_FIRST, Role.OTHER_FIRST) if name[0].isupper()
        ]
        assert len(set(names)) == len(names), one.text


@pytest.mark.parametrize("mark", ["{", "}", "[", "]", "<", ">", "|", "~", "^", "$", "/", "_", "+"])
def test_no_markup_is_left(mark: str) -> None:
    assert not any(mark in one.text for one in written())


def test_no_word_stands_twice_in_a_row() -> None:
    for one in written():
        assert not re.search(r"\b(a|an|the|he|she|his|her|was|and|to|of|in) \1\b", one.text), (
            one.text
        )


def test_stories_have_eighty_to_two_hundred_and_fifty_words() -> None:
    lengths = [len(one.spans) for one in written()]
    assert min(lengths) >= 80 and max(lengths) <= 250


def test_every_feature_and_every_plot_is_told_now_and_then() -> None:
    features = Counter(feature for one in written() for feature in one.features)
    assert all(features[feature] >= 30 for feature in Feature), features
    assert {one.plot for one in written()} == {plot.name for plot in read_book().plots}


def test_the_three_words_of_a_story_occur_in_it() -> None:
    """The noun and the adjective as they are; the verb in one of the three forms the book gives it."""
    forms = {line.split()[0].partition("/")[0]: line.split()[:3] for line in activity_lines()}
    for one in written():
        noun, verb, adjective = one.words
        assert noun in said(one, Role.OBJECT), one.text
        assert adjective in said(one, Role.ADJECTIVE), one.text
        actions = {word.lower() for word in said(one, Role.ACTION)}
        assert actions & {form.partition("/")[0] for form in forms[verb]}, one.text


def activity_lines() -> list[str]:
    text = (
        resources.files("slm.stories.nursery").joinpath("book", "activities.txt").read_text("utf-8")
    )
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_every_role_is_played() -> None:
    assert {s.role for one in written() for s in one.spans} == set(Role)


def test_no_word_of_the_book_lacks_a_role() -> None:
    assert not read_book().unknown  # and read_book() raises where one does


def test_a_word_without_a_role_is_found_when_a_template_is_read() -> None:
    reader = Reader(
        {"the": Role.FUNCTION, "sang": Role.ACTION}, {}, lambda name, who: pytest.fail()
    )
    reader.read("The (bird|the wind/n) sang.")
    assert reader.unknown == {"bird"}


@pytest.mark.parametrize(
    "markup", ["(a|b", "a)", "{hero.wings}", "<nobody> a", "a % b", "{+boredom}"]
)
def test_markup_that_is_not_well_formed_is_refused(markup: str) -> None:
    with pytest.raises(ValueError):
        Reader({"a": Role.FUNCTION, "b": Role.FUNCTION}, {}, lambda name, who: pytest.fail()).read(
            markup
        )


def test_a_seed_below_zero_is_refused() -> None:
    with pytest.raises(BadInput, match="0 or more"):
        story(-1, 0)
