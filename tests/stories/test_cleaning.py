"""Cleaning: what is repaired, what is dropped, and that everything is counted."""

from collections.abc import Iterator
from itertools import count, islice

from slm.stories.cleaning import CleaningReport, clean, clean_with_keys, story_key


def test_every_flaw_is_counted_once() -> None:
    raw = [
        "Tom ran. ",
        "",
        "  \n ",
        "Tom  ran.",  # the first again, spaced otherwise
        "Amy had a ball and then she",
        "Amy said, â€œHello!â€\x9d",  # windows-1252 mojibake
        "Ben was in the other split.",
    ]
    report = CleaningReport()
    other = {story_key("Ben was in the other split.")}
    kept = [story for _, story in clean_with_keys(raw, report, exclude=other)]
    assert kept == ["Tom ran.", "Amy said, “Hello!”"]
    assert report == CleaningReport(
        kept=2, repaired=1, empty=2, truncated=1, duplicate=1, in_validation=1
    )


def test_real_letters_with_accents_are_left_alone() -> None:
    report = CleaningReport()
    assert list(clean(["Zoé had a café."], report)) == ["Zoé had a café."]
    assert report.repaired == 0


def test_half_a_character_does_not_stop_the_cleaning() -> None:
    report = CleaningReport()
    assert list(clean(["Tom \ud800 ran."], report)) == ["Tom \ufffd ran."]
    assert report.repaired == 1


def test_a_record_counts_by_its_story() -> None:
    report = CleaningReport()
    records = [
        "Words: run, ball, red\nSummary: Tom runs.",
        "Summary: Tom runs.\nStory: \n\nTom ran and then he",
        "Summary: Tom runs\nStory: \n\nTom ran.",
    ]
    assert list(clean(records, report)) == records[2:]
    assert report == CleaningReport(kept=1, empty=1, truncated=1)


def test_nothing_is_read_ahead() -> None:
    def endless() -> Iterator[str]:
        for number in count():
            yield f"Tom counted to {number}."

    kept = list(islice(clean(endless(), CleaningReport()), 3))
    assert kept[-1] == "Tom counted to 2."


def test_stories_may_end_in_a_quotation_or_the_end() -> None:
    stories = ['"Yes!" said Amy. "Yes!"', "They slept. The end", "Was it true?"]
    assert list(clean(stories, CleaningReport())) == stories
