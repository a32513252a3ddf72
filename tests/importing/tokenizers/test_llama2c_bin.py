"""llama2.c's tokenizer.bin gives the ids of its greedy encode."""

import struct
from itertools import pairwise
from pathlib import Path

import pytest

from slm.importing.tokenizers.llama2c_bin import read_tokenizer
from tests.conftest import little_stories

TEXTS = [
    *little_stories(20, seed=7),
    "",
    "Tom",
    "  Tom   ran \n home.",
    'He said “no” — naïvely, 雪 and 🙂!"',
    "aaaaaaaa ttttthhhhhe",
    "<s> </s> <0x0A>",
]


def write_tokenizer(path: Path) -> list[tuple[bytes, float]]:
    """A scored vocabulary as SentencePiece learns it: frequent pairs first, scores falling."""
    pieces: list[tuple[bytes, float]] = [(b"<unk>", 0.0), (b"\n<s>\n", 0.0), (b"\n</s>\n", 0.0)]
    pieces += [(f"<0x{byte:02X}>".encode(), 0.0) for byte in range(256)]
    words = [list(" " + text) for text in little_stories(60)]
    letters = sorted({letter for word in words for letter in word})
    learned: list[str] = []
    for _ in range(150):
        counts: dict[tuple[str, str], int] = {}
        for word in words:
            for pair in pairwise(word):
                if " " not in pair[1]:
                    counts[pair] = counts.get(pair, 0) + 1
        left, right = max(counts, key=lambda pair: (counts[pair], pair))
        learned.append(left + right)
        for word in words:
            at = 0
            while at < len(word) - 1:
                if (word[at], word[at + 1]) == (left, right):
                    word[at : at + 2] = [left + right]
                at += 1
    pieces += [(piece.encode(), -float(rank)) for rank, piece in enumerate(learned)]
    pieces += [(letter.encode(), -1000.0 - at) for at, letter in enumerate(letters)]
    with path.open("wb") as file:
        file.write(struct.pack("<i", max(len(piece) for piece, _ in pieces)))
        for piece, score in pieces:
            file.write(struct.pack("<fi", score, len(piece)) + piece)
    return pieces


def greedy(pieces: list[tuple[bytes, float]], text: str) -> list[int]:
    """llama2.c's encode: a space first, letters or bytes, then the best-scored pair until none is left."""
    index_of = {piece: index for index, (piece, _) in enumerate(pieces)}
    tokens = [1]
    if text:
        tokens.append(index_of[b" "])
    for letter in text:
        if (whole := letter.encode()) in index_of:
            tokens.append(index_of[whole])
        else:
            tokens += [byte + 3 for byte in whole]
    while True:
        best, place, joined = -1e10, -1, -1
        for at in range(len(tokens) - 1):
            both = index_of.get(pieces[tokens[at]][0] + pieces[tokens[at + 1]][0])
            if both is not None and pieces[both][1] > best:
                best, place, joined = pieces[both][1], at, both
        if place < 0:
            return tokens
        tokens[place : place + 2] = [joined]


@pytest.mark.parametrize("text", TEXTS)
def test_tokens_are_those_of_llama2cs_greedy_encode(tmp_path: Path, text: str) -> None:
    pieces = write_tokenizer(tmp_path / "tokenizer.bin")
    tokenizer = read_tokenizer(tmp_path / "tokenizer.bin", len(pieces))
    ids = tokenizer.encode_story(text)
    assert ids == greedy(pieces, text)
    assert tokenizer.decode(ids) == text
    assert len(tokenizer.offsets(text)) == len(ids) - 1


def test_a_tokenizer_of_july_2023_keeps_bytes_as_characters(tmp_path: Path) -> None:
    pieces = write_tokenizer(tmp_path / "new.bin")
    with (tmp_path / "old.bin").open("wb") as file:
        file.write(struct.pack("<i", max(len(piece) for piece, _ in pieces)))
        for index, (piece, score) in enumerate(pieces):
            old = chr(index - 3).encode() if 3 <= index < 259 else piece
            file.write(struct.pack("<fi", score, len(old)) + old)
    old, new = (read_tokenizer(tmp_path / f"{age}.bin", len(pieces)) for age in ("old", "new"))
    for text in TEXTS:
        assert old.encode_story(text) == new.encode_story(text)
        assert old.decode(old.encode_story(text)) == text
    assert old.hash == new.hash


def test_a_space_without_a_piece_is_its_byte(tmp_path: Path) -> None:
    pieces = [
        (piece, score) for piece, score in write_tokenizer(tmp_path / "t.bin") if b" " not in piece
    ]
    with (tmp_path / "t.bin").open("wb") as file:
        file.write(struct.pack("<i", max(len(piece) for piece, _ in pieces)))
        for piece, score in pieces:
            file.write(struct.pack("<fi", score, len(piece)) + piece)
    tokenizer = read_tokenizer(tmp_path / "t.bin", len(pieces))
    assert tokenizer.encode("T T")[1] == 3 + 0x20
    assert tokenizer.decode(tokenizer.encode_story("Tom ran.")) == "Tom ran."


def test_a_piece_is_printed_as_it_stands_in_a_story(tmp_path: Path) -> None:
    pieces = write_tokenizer(tmp_path / "tokenizer.bin")
    tokenizer = read_tokenizer(tmp_path / "tokenizer.bin", len(pieces))
    assert "".join(tokenizer.to_str_tokens(tokenizer.encode(" the ball"))) == " the ball"
    assert tokenizer.to_str_tokens([1, 3 + 0x0A, 3 + 0xE2]) == ["<|endoftext|>", "\n", "\\xe2"]
    assert tokenizer.decode(tokenizer.encode(" ran.")) == " ran."
