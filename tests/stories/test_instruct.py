"""Instruct records: fields in any order come apart, and a prompt is written as it stood."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slm.errors import BadInput
from slm.stories.instruct import (
    FIELDS,
    InstructRecord,
    compose,
    is_record,
    parse_record,
    whole_records,
)

RECORD = """Words: run, ball, red
Features: Dialogue, Twist
Random sentence: The ball was red.
Summary: Tom runs after a ball
and finds it.
Story:

Tom ran.
Words: he had none.
The end."""


def test_fields_come_apart_in_the_order_they_stand() -> None:
    assert parse_record(RECORD) == InstructRecord(
        features=("Dialogue", "Twist"),
        words=("run", "ball", "red"),
        summary="Tom runs after a ball\nand finds it.",
        random_sentence="The ball was red.",
        story="Tom ran.\nWords: he had none.\nThe end.",
        order=("Words", "Features", "Random sentence", "Summary"),
    )


def test_a_field_may_stand_after_the_story() -> None:
    record = parse_record("Story: \n\nTom ran.\nSummary: Tom runs.")
    assert (record.story, record.summary) == ("Tom ran.", "Tom runs.")


@pytest.mark.parametrize("text", ["Words: run, ball", "Words: run, ball\nStory: \n\n"])
def test_a_missing_story_is_none(text: str) -> None:
    record = parse_record(text)
    assert (record.words, record.story, record.summary) == (("run", "ball"), None, None)


def test_a_prompt_is_written_as_it_stood() -> None:
    prompt = RECORD[: RECORD.index("Story:") + len("Story:")]
    assert compose(parse_record(RECORD)) == prompt


def test_nothing_asked_for_leaves_the_story_alone() -> None:
    assert compose(InstructRecord()) == "Story:"


def test_a_bare_story_is_no_record() -> None:
    assert not is_record("Tom ran.\nWords: he had none.")
    with pytest.raises(BadInput, match="a record opens with Features, Words"):
        parse_record("Tom ran.")


def test_records_that_empty_lines_took_apart_are_put_together_again() -> None:
    bare = "Words: a, b\nSummary: Tom runs."
    told = f"{bare}\n\nStory:\n\nTom ran.\n\nHe fell. Words: he had none."
    records = [told, bare, "Features: Twist\n\nStory: Amy ran.", told]
    assert list(whole_records("\n\n".join(records).split("\n\n"))) == records
    assert list(whole_records(["Tom ran.", "Amy ran."])) == ["Tom ran.\n\nAmy ran."]


LINE = st.from_regex(r"[A-Z][a-z]{1,8}( [a-z]{1,8}){0,4}\.", fullmatch=True)
WORDS = st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), max_size=3).map(tuple)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(WORDS, WORDS, st.none() | LINE, st.none() | LINE, st.permutations(FIELDS))
def test_what_is_composed_parses_to_the_same(
    features: tuple[str, ...],
    words: tuple[str, ...],
    summary: str | None,
    sentence: str | None,
    order: list[str],
) -> None:
    record = InstructRecord(
        features=features,
        words=words,
        summary=summary,
        random_sentence=sentence,
        order=tuple(order),
    )
    again = parse_record(compose(record))
    assert (again.features, again.words) == (features, words)
    assert (again.summary, again.random_sentence, again.story) == (summary, sentence, None)
    assert compose(again) == compose(record)
