"""Exact measures on nursery stories: near perfect on the grammar's own, lower on spoiled ones."""

import random

from slm.nursery_scores.derivation import derive, sentence_ends
from slm.nursery_scores.stories import Counts, NurseryStoryScores, count_story, openings, swapped

SCARCE = "Once upon a time, there was a little girl named Amy. She lived in a castle."


def test_the_grammar_derives_all_of_its_own_sentences_and_not_those_with_words_swapped() -> None:
    draw = random.Random(0)
    for opening, ending in openings(1):
        whole = derive(opening + ending)
        assert len(whole.derived) > 5 and all(whole.derived)
        assert " ".join(whole.sentences).split() == (opening + ending).split()
        spoiled = derive(opening + swapped(ending, draw, 0.3)).derived
        assert sum(spoiled) < len(spoiled) / 2


def test_plain_english_is_no_nursery_line() -> None:
    told = derive("The committee will meet on the second of May. Nobody objected to it.")
    assert told.derived == (False, False)


def test_a_sentence_ends_after_its_quotation_where_no_lower_case_word_goes_on() -> None:
    tokens = ["Amy", "ran", ".", '"', "No", "!", '"', "said", "Ben", ".", '"', "Oh", ".", '"', "He"]
    assert sentence_ends(tokens) == [3, 10, 14]


def test_articles_and_pronouns_must_agree() -> None:
    counts = count_story(SCARCE, " She saw an egg and a apple. He was glad. His dad came.")
    assert counts["articles"] == (1, 2)
    assert counts["pronouns"] == (1, 3)  # nobody of his sex was mentioned
    known = count_story(SCARCE, " Her dad came. He was glad.")
    assert known["pronouns"] == (2, 2)


def test_names_and_things_are_introduced_before_they_are_meant() -> None:
    counts = count_story(
        SCARCE,
        " Amy had a kite. The kite was red. Then Tom took the drum. Amy met a boy named Ben.",
    )
    assert counts["introduced"] == (4, 6)  # not Tom, not the drum


def test_shares_count_cases_and_resample_stories() -> None:
    nothing: Counts = {
        "articles": (0, 0),
        "derived": (0, 0),
        "pronouns": (0, 0),
        "introduced": (0, 0),
        "in order": (0, 0),
    }
    scores = NurseryStoryScores(
        counts=({**nothing, "articles": (1, 1)}, {**nothing, "articles": (1, 3)})
    )
    assert scores.share("articles").mean == 0.5 and scores.share("articles").n == 4
    assert scores.to_json()["in_order"]["n"] == 0
