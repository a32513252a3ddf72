"""Records of nursery-instruct hold what they say, and their features depend on no plot."""

from functools import cache

import pytest

from slm.errors import BadInput
from slm.stories.instruct import parse_record
from slm.stories.nursery.requested import (
    RECORD_NAMES,
    SHARES,
    RequestedStory,
    record,
    record_text,
    records,
)
from slm.stories.nursery.text import Feature


@cache
def written() -> tuple[RequestedStory, ...]:
    """The first records, written once for all tests here."""
    return tuple(records(600))


def test_a_seed_gives_the_same_record_for_ever():
    assert record_text(record(0, 1)) == (
        "Words: run, balloon, orange\n"
        "Random sentence: Best of all, he liked to run faster than the wind.\n"
        "Story: \n\n"
        "Jacob was a young prince. Best of all, he liked to run faster than the wind. Late one "
        "morning, the wind took his orange balloon up into a high tree. He jumped and threw a "
        'stick, yet it was no use. "Can you help me?" Jacob asked after a moment. "I can try," '
        "said a tiny fairy named Willa in a soft voice. The balloon broke on a sharp branch, and "
        "only small pieces came down. Jacob was miserable for a long time."
    )


def test_a_record_is_read_back_as_it_was_asked():
    for one in written()[:200]:
        assert parse_record(record_text(one)) == one.asked


@pytest.mark.parametrize("feature", Feature)
def test_no_plot_has_a_feature_more_often_than_another(feature: Feature):
    by_plot: dict[str, list[bool]] = {}
    for one in written():
        by_plot.setdefault(one.plot, []).append(feature in one.features)
    for plot, has in by_plot.items():
        assert abs(sum(has) / len(has) - SHARES[feature]) < 0.22, plot  # 3 standard errors


def test_two_features_are_drawn_apart():
    for one in Feature:
        for other in Feature:
            if one != other:
                both = sum({one, other} <= story.features for story in written()) / len(written())
                assert abs(both - SHARES[one] * SHARES[other]) < 0.07, (one, other)


def test_a_feature_stands_where_it_is_marked_and_nowhere_without_being_asked_for():
    for one in written():
        assert {mark.feature for mark in one.marks} == one.features
        assert ('"' in one.text) == (Feature.DIALOGUE in one.features)
        for mark in one.marks:
            marked = one.text[mark.start : mark.end].strip()
            assert marked[0].isupper() or marked[0] == '"'
            assert marked[-1] in '.!?"'


def test_what_is_asked_for_is_in_the_story():
    for one in written():
        assert all(word in one.text for word in one.asked.words)
        assert (one.asked.random_sentence or "") in one.text
        if one.asked.features:
            assert set(one.asked.features) == {RECORD_NAMES[feature] for feature in one.features}


def test_a_summary_names_the_protagonist_and_the_thing():
    def rest(one: RequestedStory) -> set[str]:
        return {name for name in (one.people[0], one.thing) if name not in one.summary}

    assert [rest(one) for one in written() if rest(one)] == []


def test_every_field_alone_and_every_pair_is_asked_for():
    orders = {frozenset(one.asked.order) for one in written()}
    assert len(orders) == 15


def test_a_record_has_a_number_of_0_or_more():
    with pytest.raises(BadInput, match="0 or more"):
        record(0, -1)
