"""What Streamlit and plotly are given of text that others wrote; what they make of it: tests/browser."""

import pytest

from app.text import complaint, in_plotly, plain, token_shown
from slm.errors import LONGEST_MESSAGE
from tests.app.conftest import read

HOSTILE = (
    "![p](http://127.0.0.1:9/p.png)",
    "[a](javascript:alert(1))",
    "$x^2$ and $y$",
    ":red[x]",
    ":material/delete:",
    ":material_delete:",
    ":streamlit:",
    ":smile: :+1:",
    "**b** _i_ `c` ~~d~~",
    "www.example.org and a@example.org",
    "http://example.org",
    "-> <- <-> -- >= <= ~=",
    "&lt;b&gt; &amp;",
    "1. one",
    "1) one",
    "- a",
    "+ a",
    "# heading",
    "| a | b |",
    "<b>bold</b>",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_says_the_characters(text: str) -> None:
    assert read(plain(text)) == text


def test_an_ordinary_sentence_is_left_alone() -> None:
    text = "tiny@10, layer 3: 512 tokens, 0.25 (12 %)"
    assert plain(text) == text.replace("(", r"\(").replace(")", r"\)").replace(": ", r"\: ")


def test_markdown_is_one_line_in_which_everything_is_seen() -> None:
    assert read(plain(" two\n\n    lines\t\u202e ")) == r"two lines \u202e"


def test_a_tokens_text_is_one_visible_line() -> None:
    assert token_shown(" fox") == "fox"
    assert token_shown("  ") == "␣␣"
    assert token_shown("\n\t") == "⏎⇥"
    for str_token in "\r\x00\xa0\u200b\u202e\u2028":
        assert token_shown(str_token).isprintable() and token_shown(str_token).isascii()


def test_plotly_is_given_no_tag_entity_or_field() -> None:
    assert in_plotly("<b>&lt;</b> %{y}") == "&lt;b&gt;&amp;lt;&lt;/b&gt; %&#123;y}"


def test_an_error_is_never_longer_than_a_line() -> None:
    said = read(complaint("x" * 5_000_000 + "\n" + "y"))
    assert len(said) <= LONGEST_MESSAGE and "\n" not in said
