"""GPT-2's byte-level BPE in detail: its letters for bytes, its word pattern, and a cache of words."""

import re
from collections.abc import Callable, Sequence
from typing import Any

ASCII_WORDS = re.compile(
    r"'(?:[stmd]|re|ve|ll)| ?[A-Za-z]+| ?[0-9]+| ?[^ \t\n\r\f\vA-Za-z0-9]+"
    r"|[ \t\n\r\f\v]+(?![^ \t\n\r\f\v])|[ \t\n\r\f\v]+"
)
"""What GPT-2's pattern, by which ByteLevel splits text, comes to where all letters are ASCII."""
BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")
"""How a BPE with byte fallback writes the token of a byte."""


def _byte_letters() -> dict[str, int]:
    """Map GPT-2's printable stand-ins to bytes: printable Latin-1 to itself, the rest from 256."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {chr(byte): byte for byte in plain}
    others = [byte for byte in range(256) if byte not in set(plain)]
    return letters | {chr(256 + n): byte for n, byte in enumerate(others)}


BYTE_OF_LETTER = _byte_letters()
"""The byte that each letter of a byte-level vocabulary stands for."""


def byte_level_text(written: str) -> str:
    r"""Return the text of a token as its vocabulary writes it; bytes of part of a character as `\xe2`."""
    if not all(letter in BYTE_OF_LETTER for letter in written):
        return written  # a token that another's tokenizer adds as it stands
    return bytes(BYTE_OF_LETTER[letter] for letter in written).decode("utf-8", "backslashreplace")


def splits_as_gpt2(tokenizer: dict[str, Any], special: Sequence[str]) -> bool:
    """Tell whether a tokenizer.json splits text into words by GPT-2's pattern and by nothing else."""
    splits = tokenizer["pre_tokenizer"] or {"type": None}
    added = [token["content"] for token in tokenizer["added_tokens"]]
    return (
        splits["type"] == "ByteLevel"
        and (splits["use_regex"], splits["add_prefix_space"]) == (True, False)
        and (tokenizer["normalizer"], added) == (None, list(special))
    )


class WordCache(dict[str, tuple[int, ...]]):
    """The ids of each word, encoded when it is first asked for."""

    def __init__(self, encode: Callable[[str], list[int]]) -> None:
        self.encode = encode

    def __missing__(self, word: str) -> tuple[int, ...]:
        self[word] = ids = tuple(self.encode(word))
        return ids
