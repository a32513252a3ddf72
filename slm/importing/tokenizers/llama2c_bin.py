"""llama2.c's tokenizer.bin: tokens with scores, read as a BPE."""

import struct
from pathlib import Path

import tokenizers
from tokenizers import AddedToken, decoders, models, normalizers

from slm.errors import BadInput
from slm.importing.json_files import refuse_pointer
from slm.stories.tokenizer import Tokenizer

UNKNOWN, OPENING, BYTES = 0, 1, range(3, 259)
"""Its first tokens: <unk>, <s> (which also ends a story), </s>, and the 256 bytes."""


def read_tokenizer(path: Path, d_vocab: int) -> Tokenizer:
    """Convert tokenizer.bin to a BPE; `BadInput` where it does not hold `d_vocab` whole tokens.

    llama2.c joins the two neighbours whose union has the highest score; so every way to split a token
    into two others becomes a merge, those of the highest score first.
    """
    refuse_pointer(path)
    data = path.read_bytes()
    at, pieces, scores = 4, [], []
    for index in range(d_vocab):
        if at + 8 > len(data):
            raise BadInput(f"{path.name} must hold {d_vocab:,} tokens, and ends after {index:,}")
        score, length = struct.unpack_from("<fi", data, at)
        if not 0 <= length <= len(data) - at - 8 or score != score:
            raise BadInput(f"{path.name} is not whole: token {index} has {length:,} bytes")
        try:
            pieces.append(data[at + 8 : at + 8 + length].decode())
        except UnicodeDecodeError:
            raise BadInput(f"{path.name} is no tokenizer of llama2.c: token {index}") from None
        scores.append(score)
        at += 8 + length
    whole = d_vocab >= BYTES.stop and at == len(data)
    if not whole or any(
        pieces[index] not in (f"<0x{byte:02X}>", chr(byte)) for byte, index in enumerate(BYTES)
    ):  # before August 2023 a byte was written as its character
        raise BadInput(f"{path.name} must hold {d_vocab:,} tokens, the 256 bytes among them")
    return Tokenizer(
        _bpe(pieces, scores), opening=OPENING, end=OPENING, prefix=" ", d_vocab=d_vocab
    )


def _bpe(pieces: list[str], scores: list[float]) -> tokenizers.Tokenizer:
    names = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    vocabulary = {name: index for index, name in enumerate(names)}
    for index, piece in enumerate(pieces[BYTES.stop :], BYTES.stop):
        vocabulary.setdefault(piece.replace(" ", "▁"), index)
    words = {piece: index for piece, index in vocabulary.items() if index >= BYTES.stop}
    merges = [
        (-scores[index], piece[:cut], piece[cut:])
        for piece, index in words.items()
        for cut in range(1, len(piece))
        if piece[:cut] in words and piece[cut:] in words
    ]
    merges.sort()
    inner = tokenizers.Tokenizer(
        models.BPE(
            vocab=vocabulary,
            merges=[(left, right) for _, left, right in merges],
            byte_fallback=True,
        )
    )
    if "▁" in words:  # else a space is its byte, as in llama2.c
        inner.normalizer = normalizers.Replace(" ", "▁")
    inner.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    inner.add_special_tokens([AddedToken(name, special=True) for name in ("<unk>", "<s>", "</s>")])
    return inner
