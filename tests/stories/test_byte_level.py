"""GPT-2's letters for bytes, its word pattern on ASCII text, and the words that are looked up."""

import re

import pytest
from tokenizers import pre_tokenizers

from slm.stories.byte_level import (
    ASCII_WORDS,
    BYTE_OF_LETTER,
    WordCache,
    byte_level_text,
    splits_as_gpt2,
)


def test_every_byte_has_a_letter_and_they_are_the_librarys() -> None:
    assert sorted(BYTE_OF_LETTER.values()) == list(range(256))
    assert set(BYTE_OF_LETTER) == set(pre_tokenizers.ByteLevel.alphabet())
    assert BYTE_OF_LETTER["A"] == ord("A") and BYTE_OF_LETTER["Ġ"] == ord(" ")


@pytest.mark.parametrize(
    "text",
    [
        "It's 3 o'clock,  isn't it?\n\n  We've run; you'll see... \t(1984)",
        " \n \t\x0b\x0c\r ",
        "".join(map(chr, range(128))),
    ],
)
def test_ascii_text_is_split_as_the_library_splits_it(text: str) -> None:
    theirs = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    words = [byte_level_text(word) for word, _ in theirs.pre_tokenize_str(text)]
    assert re.findall(ASCII_WORDS, text) == words


def test_a_token_of_half_a_character_shows_its_bytes() -> None:
    letter_of = {byte: letter for letter, byte in BYTE_OF_LETTER.items()}
    first, second = (letter_of[byte] for byte in "é".encode())
    assert byte_level_text(first + second) == "é"
    assert byte_level_text(first) == "\\xc3"
    assert byte_level_text("<|a token|>") == "<|a token|>"


def test_only_gpt2s_way_of_splitting_is_taken_for_it() -> None:
    plain = {
        "pre_tokenizer": {"type": "ByteLevel", "use_regex": True, "add_prefix_space": False},
        "normalizer": None,
        "added_tokens": [{"content": "<end>"}],
    }
    assert splits_as_gpt2(plain, special=["<end>"])
    assert not splits_as_gpt2(plain, special=[])
    assert not splits_as_gpt2({**plain, "normalizer": {"type": "NFC"}}, special=["<end>"])
    assert not splits_as_gpt2({**plain, "pre_tokenizer": None}, special=["<end>"])
    for field in ("use_regex", "add_prefix_space"):
        other = {**plain["pre_tokenizer"], field: not plain["pre_tokenizer"][field]}
        assert not splits_as_gpt2({**plain, "pre_tokenizer": other}, special=["<end>"])


def test_a_word_is_encoded_once() -> None:
    asked: list[str] = []
    words = WordCache(lambda word: asked.append(word) or [len(word)])
    assert [words[word] for word in (" a", " cat", " a")] == [(2,), (4,), (2,)]
    assert asked == [" a", " cat"]
