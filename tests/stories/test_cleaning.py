"""Cleaning: what is repaired, what is dropped, and that everything is counted and said."""

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import pytest

from slm.errors import BadInput
from slm.stories.cleaning import (
    CleaningReport,
    clean,
    clean_with_keys,
    cleaned,
    is_cut_off,
    story_key,
)
from slm.stories.sources import StorySource, open_source
from tests.conftest import write_corpus


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
    assert report.read == len(raw)


def test_a_report_says_what_was_dropped_with_an_example_of_each_reason() -> None:
    report = CleaningReport()
    endless = "A tale that goes on " + "and on " * 100
    list(clean(["Tom ran.", "Tom ran.", "", endless, "He was about to"], report))
    said = report.in_words()
    assert said.startswith("1 of 5 stories kept; dropped: 2 cut off (“…")
    assert "and on and on”)" in said and "1 repeated (“Tom ran.”)" in said and "1 empty" in said
    assert len(said) < 250
    report = CleaningReport()
    list(clean(["Tom\u2028ran", "Amy ran"], report))
    assert report.in_words() == r"0 of 2 stories kept; dropped: 2 cut off (“Tom\u2028ran”)"
    assert CleaningReport(kept=3, repaired=2).in_words() == "3 of 3 stories kept; 2 repaired"


def test_real_letters_with_accents_are_left_alone() -> None:
    report = CleaningReport()
    assert list(clean(["Zoé had a café."], report)) == ["Zoé had a café."]
    assert report.repaired == 0


@pytest.mark.parametrize(
    ("lost", "meant"),
    [
        ("Amy said, â€œHello!â€", "Amy said, “Hello!”"),
        ("â€œHello,â€ said Amy. â€œGo on.â€ He went.", "“Hello,” said Amy. “Go on.” He went."),
        ("â€œHello,â€\nsaid Amy.", "“Hello,”\nsaid Amy."),
        ("â€œIâ€™m here,â€ she said â€” twiceâ€¦", "“I’m here,” she said — twice…"),
        ("Amy said, â€œHello!â€\ufffd", "Amy said, “Hello!”"),
        ("(â€œHelloâ€)", "(“Hello”)"),
        ('She was â€" as always â€" happy.', "She was — as always — happy."),
    ],
)
def test_a_closing_quotation_mark_whose_last_byte_was_lost_is_repaired(
    lost: str, meant: str
) -> None:
    report = CleaningReport()
    assert list(clean([lost], report)) == [meant]
    assert report.repaired == 1


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


@pytest.mark.parametrize(
    "end",
    [
        '"Yes!" said Amy. "Yes!"',
        "They slept. The end",
        "Was it true?",
        "And then…",
        "*The end*",
        "大家都笑了。",
        "她说：“好。”",
        "彼は「はい」",
        "هل هو سعيد؟",
        "وہ سو گیا۔",
        "वह सो गया।",
        "ተኛ።",
        "គាត់ដេក។",
        "သူအိပ်သည်။",
        "Նա քնեց։",
        "བདེ་ལེགས།",
        "Er sagte: „Ja.“",
        "Han sa »Ja.«",
        "Il dit « Oui. »",
        "נגמר.\u200f",
        "They slept well 😀",
        "They slept well ❤️",
        "Well done 👍🏽",
        "They won 1️⃣",
        "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "Bye 👨‍👩‍👧",
        "ねた～",
        "เขานอนหลับ",
        "ລາວນອນ",
        "They slept well :)",
    ],
)
def test_a_story_may_end_in_any_scripts_mark_or_in_an_emoji(end: str) -> None:
    assert not is_cut_off(end)
    assert list(clean([end], CleaningReport())) == [end]


@pytest.mark.parametrize(
    "end",
    [
        "and then she",
        "she had a ball,",
        "她有一个红",
        "她买了苹果、",
        "她笑，",
        "وذهب إلى",
        "وقال،",
        "वह सो गया और",
        "then 12",
        "Tom said “",
        "Tom said (",
        "He was nice &",
        "She was fine",
        "café",
        "\u200f",
        "彼は「",
    ],
)
def test_a_story_that_ends_in_a_word_a_comma_or_an_opening_is_cut_off(end: str) -> None:
    assert is_cut_off(end)


def written(tmp_path: Path, stories: list[str], option: str = "") -> StorySource:
    return open_source(f"{write_corpus(tmp_path / 'c.txt', stories)}{option}")


def test_a_corpus_of_which_most_would_be_dropped_stops_and_asks(tmp_path: Path) -> None:
    stories = [f"Tom ran {n} miles" for n in range(6)] + [f"Amy ran {n} miles." for n in range(5)]
    report = CleaningReport()
    with pytest.raises(
        BadInput, match=r"most of .*c\.txt' would be dropped: 6 of the first 11"
    ) as e:
        list(cleaned(written(tmp_path, stories), report))
    assert "Tom ran 0 miles" in str(e.value)
    assert ":keep-truncated" in str(e.value) and ":drop-truncated" in str(e.value)
    assert list(cleaned(written(tmp_path, stories, ":keep-truncated"))) == stories
    assert list(cleaned(written(tmp_path, stories, ":drop-truncated"))) == stories[6:]


def test_a_corpus_of_which_half_would_be_dropped_goes_on(tmp_path: Path) -> None:
    stories = ["Tom ran", "Amy ran.", "", " "]
    report = CleaningReport()
    assert list(cleaned(written(tmp_path, stories), report)) == ["Amy ran."]
    assert report.truncated == 1
    with pytest.raises(BadInput, match="would be dropped"):  # what is empty is no story
        list(cleaned(written(tmp_path, [*stories, "Ben ran", "", ""])))


def test_it_is_asked_before_a_long_corpus_is_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slm.stories.cleaning.ASKED_FROM", 4)
    with pytest.raises(BadInput, match="4 of the first 4 stories"):
        list(cleaned(written(tmp_path, [f"Tom ran {n} miles" for n in range(50)])))


def test_repetitions_are_dropped_without_asking(tmp_path: Path) -> None:
    report = CleaningReport()
    assert list(cleaned(written(tmp_path, ["Tom ran."] * 10), report)) == ["Tom ran."]
    assert report.duplicate == 9
