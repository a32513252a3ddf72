"""Tokens: any text comes back whole, tokens can be printed, and text never makes an END."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm.errors import BadInput
from slm.stories.tokenizer import END, Tokenizer
from tests.conftest import little_stories

TOKENIZER = Tokenizer.train(little_stories(300), 512)


@given(st.text())
def test_any_text_comes_back_whole(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


ASCII = st.text(st.characters(max_codepoint=127))
LIKE_STORIES = st.text("aA s't.,!0 9\n\t\x1c\"-")


@given(st.lists(st.one_of(ASCII, LIKE_STORIES, st.text()), max_size=5))
def test_many_texts_get_the_ids_that_each_gets_alone(texts: list[str]) -> None:
    assert TOKENIZER.encode_many(texts) == [TOKENIZER.encode(text) for text in texts]


@given(st.text(max_size=20), st.text(max_size=20))
def test_text_never_makes_an_end(before: str, after: str) -> None:
    ids = TOKENIZER.encode(before + END + after)
    assert TOKENIZER.end not in ids
    assert TOKENIZER.decode(ids) == before + END + after


def test_a_story_opens_with_end() -> None:
    ids = TOKENIZER.encode_story("Tom.")
    assert (ids[0], TOKENIZER.decode(ids)) == (TOKENIZER.end, "Tom.")


def test_end_typed_out_in_a_story_is_the_token_and_spans_its_own_characters() -> None:
    end, encode = TOKENIZER.end, TOKENIZER.encode
    assert TOKENIZER.encode_story(END + END + "Tom.") == TOKENIZER.encode_story("Tom.")
    assert TOKENIZER.encode_story("") == TOKENIZER.encode_story(END) == [end]
    text = f"{END}Tom ran.{END}Amy sat."
    assert TOKENIZER.encode_story(text) == [end, *encode("Tom ran."), end, *encode("Amy sat.")]
    spans = TOKENIZER.offsets(text)
    assert [text[first:last] for first, last in spans] == TOKENIZER.to_str_tokens(
        TOKENIZER.encode_story(text)[1:]
    )
    assert TOKENIZER.encode_words(f" park{END}") == [*encode(" park"), end]
    assert TOKENIZER.encode_stories([text]) == [[end, *encode(text)]]  # a corpus means what it says


def test_pieces_of_ordinary_text_join_to_it_and_broken_characters_show_their_bytes() -> None:
    text = "One day, Amy went to the park.\n"
    assert "".join(TOKENIZER.to_str_tokens(TOKENIZER.encode(text))) == text
    assert TOKENIZER.to_str_tokens(TOKENIZER.encode("é")) == ["\\xc3", "\\xa9"]
    quoting = Tokenizer.train(["Tom said “yes”. Amy said “no”."] * 9, 512)
    assert "“" in "".join(quoting.to_str_tokens(quoting.encode("Tom said “yes”.")))
    assert all("Ġ" not in str_token for str_token in quoting.to_str_tokens(range(quoting.d_vocab)))
    assert TOKENIZER.to_str_tokens([TOKENIZER.end]) == [END]


def test_the_same_stories_give_the_same_tokenizer(tmp_path: Path) -> None:
    again = Tokenizer.train(little_stories(300), 512)
    again.save(tmp_path / "tokenizer.json")
    loaded = Tokenizer.load(tmp_path / "tokenizer.json")
    assert TOKENIZER.hash == again.hash == loaded.hash
    assert Tokenizer.train(little_stories(300, seed=1), 512).hash != TOKENIZER.hash


def test_a_small_corpus_tells_its_true_vocabulary() -> None:
    small = Tokenizer.train(["Tom ran."], 4096)
    assert 257 < small.d_vocab < 270  # END, the bytes, and a few merges
    assert max(small.encode("Tom ran.")) < small.d_vocab


@pytest.mark.parametrize("size", [511, 16_385])
def test_a_vocabulary_out_of_range_is_refused(size: int) -> None:
    with pytest.raises(BadInput, match=f"512 to 16,384 tokens, not {size}"):
        Tokenizer.train(["Tom ran."], size)


def test_half_a_character_is_refused() -> None:
    with pytest.raises(BadInput, match=r"text is Unicode, and '\\ud800' is not"):
        TOKENIZER.encode("Tom \ud800 ran.")


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("{}", "is not a tokenizer of bytes"),
        ("[]", "is not a tokenizer"),
        ("Tom ran.", "is not a tokenizer"),
        ('{"pre_tokenizer": {"type": "ByteLevel"}}', "is not a tokenizer"),
        ('{"pre_tokenizer": {"type": "Whitespace"}}', "splits text by Whitespace"),
    ],
)
def test_a_file_that_is_no_tokenizer_is_refused(tmp_path: Path, content: str, rule: str) -> None:
    (tmp_path / "t.json").write_text(content)
    with pytest.raises(BadInput, match=rule) as caught:
        Tokenizer.load(tmp_path / "t.json")
    assert "\n" not in str(caught.value)


def test_a_missing_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no tokenizer"):
        Tokenizer.load(tmp_path / "none.json")
