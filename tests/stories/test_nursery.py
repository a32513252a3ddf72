"""The nursery: every word is known for what it is, and the stories hold together."""

import re

from hypothesis import given
from hypothesis import strategies as st

from slm.stories.nursery import Feature, NurseryStory, Role, stories, story

WRITTEN = list(stories(1000))
indices = st.integers(0, 10**9)


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
    assert len({name.lower() for name in said(one, Role.HERO_FIRST, Role.HERO)}) == 1


@given(indices)
def test_a_pronoun_of_the_protagonist_never_changes_its_gender(index: int) -> None:
    forms = {word.lower() for word in said(story(0, index), Role.HERO_PRONOUN)}
    assert forms <= {"she", "her"} or forms <= {"he", "him", "his"}


def test_the_same_seed_and_index_write_the_same_story_and_others_write_others() -> None:
    assert story(3, 14) == story(3, 14)
    assert len({one.text for one in WRITTEN}) == 1000
    assert list(stories(3, seed=1, first=5)) == [story(1, 5), story(1, 6), story(1, 7)]


def test_dialogue_is_told_by_its_quotation_marks_which_are_paired() -> None:
    for one in WRITTEN:
        assert one.text.count('"') % 2 == 0
        assert (Feature.DIALOGUE in one.features) == ('"' in one.text)
        for span in one.spans:
            assert span.quoted == (one.text[: span.start].count('"') % 2 == 1)


def test_articles_agree_with_the_next_word() -> None:
    for one in WRITTEN:
        assert not re.search(r"\b[Aa] [aeiou]", one.text), one.text
        assert not re.search(r"\b[Aa]n [^aeiou]", one.text), one.text


def test_protagonists_are_introduced_in_three_ways_that_can_be_told_apart() -> None:
    kinds = {one.introduction for one in WRITTEN}
    assert kinds == {"named", "plain", "unnamed"}
    for one in WRITTEN:
        first = next(s for s in one.spans if s.role == Role.HERO_FIRST)
        after_named = one.text[: first.start].endswith("named ")
        assert after_named == (one.introduction == "named")
        assert one.text[first.start].isupper() == (one.introduction != "unnamed")


def test_sentences_begin_large_and_end() -> None:
    for one in WRITTEN:
        assert one.text[-1] in '."'
        assert not re.search(r"[.!?]\"? [a-z]", re.sub(r'[!?.]" \w', "", one.text)), one.text
        assert "  " not in one.text and "{" not in one.text and "[" not in one.text
