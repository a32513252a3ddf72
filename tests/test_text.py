"""Text that others wrote is shown as the characters it is: seen, and never a command."""

import json
import sys
from csv import reader
from html.parser import HTMLParser

import pytest

from slm.text import as_json, csv, csv_as_json, in_html, on_terminal, visible

HOSTILE = (
    "\x1b]0;title\x07\x1b[31mred",
    "\x9b31mred",
    "\u202eabc\u202c",
    "zero\u200bwidth",
    "\u2028\u2029\x85",
    "\r\x00\xa0",
    "lone \ud800 surrogate",
    "filler \u3164 and blank \u2800",
)


def test_every_character_is_seen_or_shown_by_its_escape() -> None:
    for number in range(sys.maxunicode + 1):
        shown = visible(chr(number))
        assert (shown.isprintable() and shown.isascii()) or shown == chr(number)
    assert visible("\u200b\u202e\x1b\xa0\u3164") == r"\u200b\u202e\x1b\xa0\u3164"


def test_what_is_seen_stays_as_it_is() -> None:
    for text in ("Once upon a time", "naïve “quotes” …", "日本語 العربية 🦊", r"a \n b"):
        assert visible(text) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_steers_a_terminal_but_a_line_end_and_a_tab(text: str) -> None:
    printed = on_terminal(f"a\n\t{text}")
    assert printed.startswith("a\n\t")
    assert printed[3:].isprintable()
    printed.encode("utf-8")


@pytest.mark.parametrize("text", HOSTILE)
def test_json_says_the_same_without_a_character_that_is_not_seen(text: str) -> None:
    printed = as_json({"text": text})
    assert printed.isprintable()
    assert json.loads(printed) == {"text": text}


def test_json_keeps_what_lies_beyond_the_basic_plane() -> None:
    assert json.loads(as_json(["🦊\U000e0001"])) == ["🦊\U000e0001"]


class _Read(HTMLParser):
    """The text, and the tags, that HTML comes to."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.text, self.tags = "", list[str]()
        self.feed(markup)
        self.close()

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


@pytest.mark.parametrize("text", ["</script><script>1</script>", "<b>&lt;&amp;", "'\"><img src=x>"])
def test_html_holds_text_alone(text: str) -> None:
    read = _Read(in_html(text))
    assert read.text == text and read.tags == []
    assert not {"'", '"'} & set(in_html(text))


def test_a_cell_is_calculated_by_no_spreadsheet() -> None:
    cells = ('=HYPERLINK("http://x")', "+1+1", "-a", "@SUM(A1)", "\tx", "\r=1")
    written = csv(("text", "number"), ((cell, -1.5) for cell in cells))
    rows = list(reader(written.splitlines(keepends=True)))[1:]
    assert [row[0].lstrip("'")[:1] for row in rows] == [cell[0] for cell in cells]
    assert all(row[0].startswith("'") for row in rows)
    assert {row[1] for row in rows} == {"-1.5"}


def test_a_number_written_out_stays_one() -> None:
    numbers = ("-0.23609", "+1.5", "-3", "-1.2e-05", "0.5")
    written = csv(("number",), ((number,) for number in numbers))
    assert [row[0] for row in reader(written.splitlines())][1:] == list(numbers)
    assert csv(("text",), [("-1+2",)]).splitlines()[1] == '"\'-1+2"'


def test_other_cells_keep_their_characters_and_lines() -> None:
    cells = ('"quoted", twice', "two\nlines", " =1", "it's", "a-b", "")
    written = csv(("text",), ((cell,) for cell in cells))
    assert [row[0] for row in reader(written.splitlines(keepends=True))][1:] == list(cells)


def test_a_table_as_json_has_its_numbers_as_numbers_and_every_text_unchanged() -> None:
    texts = ["=1+1", "'=1+1", "''", "'", "-", "a,b", 'a "b"', "line\nend", "7", *HOSTILE]
    rows = [(text, -1.5, "0.25", "" if n else "nan", n) for n, text in enumerate(texts)]
    found = json.loads(csv_as_json(csv(("text", "a", "b", "none", "n"), rows)))
    assert found["columns"] == ["text", "a", "b", "none", "n"]
    assert found["rows"] == [[text, -1.5, 0.25, None, n] for n, text in enumerate(texts)]
    assert json.loads(csv_as_json(csv(("7",), [("007",), ("+1e3",)])))["rows"] == [[7], [1000.0]]
