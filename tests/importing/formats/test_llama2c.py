"""llama2.c's files, against the format read and computed independently, number by number."""

import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from slm.errors import BadInput
from slm.generation.sampler import Sampling, complete
from slm.importing.detect import detect
from slm.importing.formats.llama2c import read_tokenizer
from slm.importing.import_run import import_run
from slm.model import functional
from slm.runs import load_checkpoint
from tests.conftest import little_stories

D, M, LAYERS, HEADS, GROUPS, CONTEXT = 24, 40, 2, 6, 2, 32
KV = D // HEADS * GROUPS


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


def angles_of(base: float) -> np.ndarray:
    """The table of cosines and sines that llama2.c's export writes."""
    size = D // HEADS
    angles = np.outer(np.arange(CONTEXT), base ** -(np.arange(0, size, 2) / size))
    return np.stack((np.cos(angles), np.sin(angles))).reshape(2, -1).astype("<f4")


def write_model(
    path: Path, d_vocab: int, *, shared: bool, base: float = 10_000.0
) -> dict[str, np.ndarray]:
    """A random model of version 0; its parts by name."""
    draw = np.random.default_rng(0)
    angles = CONTEXT * D // HEADS // 2
    sizes = {
        "embedding": (d_vocab, D),
        "att_norm": (LAYERS, D),
        "wq": (LAYERS, D, D),
        "wk": (LAYERS, KV, D),
        "wv": (LAYERS, KV, D),
        "wo": (LAYERS, D, D),
        "ffn_norm": (LAYERS, D),
        "w1": (LAYERS, M, D),
        "w2": (LAYERS, D, M),
        "w3": (LAYERS, M, D),
        "final_norm": (D,),
        "angles": (2, angles),
    } | ({} if shared else {"classifier": (d_vocab, D)})
    parts = {
        name: (draw.normal(0, 0.25, size) + ("norm" in name)).astype("<f4")
        for name, size in sizes.items()
    }
    parts["angles"] = angles_of(base)
    with path.open("wb") as file:
        header = (D, M, LAYERS, HEADS, GROUPS, d_vocab if shared else -d_vocab, CONTEXT)
        file.write(struct.pack("<7i", *header))
        for part in parts.values():
            file.write(part.tobytes())
    return parts


def forward(parts: dict[str, np.ndarray], tokens: list[int]) -> np.ndarray:
    """run.c's forward, a token at a time, in float64: logits after each token."""
    size, keys, values, said = D // HEADS, [], [], []
    parts = {name: part.astype(float) for name, part in parts.items()}

    def norm(x: np.ndarray, gain: np.ndarray) -> np.ndarray:
        return gain * x / np.sqrt((x * x).mean() + 1e-5)

    for position, token in enumerate(tokens):
        x = parts["embedding"][token].copy()
        keys.append([]), values.append([])
        for layer in range(LAYERS):
            normed = norm(x, parts["att_norm"][layer])
            q, k, v = (parts[name][layer] @ normed for name in ("wq", "wk", "wv"))
            for vector in (q, k):
                for at in range(0, len(vector), 2):  # neighbours turn together
                    angle = position / 10000.0 ** ((at % size) / size)
                    a, b = vector[at], vector[at + 1]
                    vector[at] = a * np.cos(angle) - b * np.sin(angle)
                    vector[at + 1] = a * np.sin(angle) + b * np.cos(angle)
            keys[-1].append(k), values[-1].append(v)
            out = np.zeros(D)
            for head in range(HEADS):
                mine = slice(head * size, (head + 1) * size)
                group = head // (HEADS // GROUPS)
                theirs = slice(group * size, (group + 1) * size)
                scores = np.array([q[mine] @ kept[layer][theirs] for kept in keys]) / size**0.5
                weights = np.exp(scores - scores.max())
                weights /= weights.sum()
                out[mine] = sum(
                    w * kept[layer][theirs] for w, kept in zip(weights, values, strict=True)
                )
            x += parts["wo"][layer] @ out
            normed = norm(x, parts["ffn_norm"][layer])
            gate = parts["w1"][layer] @ normed
            gate = gate / (1 + np.exp(-gate)) * (parts["w3"][layer] @ normed)
            x += parts["w2"][layer] @ gate
        said.append(parts.get("classifier", parts["embedding"]) @ norm(x, parts["final_norm"]))
    return np.array(said)


@pytest.mark.parametrize("shared", [True, False])
def test_logits_are_those_of_the_format(tmp_path: Path, shared: bool) -> None:
    pieces = write_tokenizer(tmp_path / "tokenizer.bin")
    parts = write_model(tmp_path / "stories.bin", len(pieces), shared=shared)
    found = detect(str(tmp_path))
    assert found.kind == "llama2.c, version 0" and found.config.tied is shared
    assert found.parameters == sum(part.size for name, part in parts.items() if name != "angles")
    import_run(found, "theirs")
    checkpoint = load_checkpoint("theirs")
    tokens = greedy(pieces, "Tom went to the park.")
    assert checkpoint.tokenizer.encode_story("Tom went to the park.") == tokens
    logits = functional.logits(checkpoint.weights, torch.tensor([tokens]))[0]
    assert np.abs(logits.numpy() - forward(parts, tokens)).max() < 1e-4
    written = complete(checkpoint, ["Tom"], Sampling(max_tokens=8, temperature=0.0))[0]
    assert 1 not in written.tokens and len(written.tokens) > 0


def test_angles_of_another_base_are_told_and_computed_as_llama2c_computes_them(
    tmp_path: Path,
) -> None:
    pieces = write_tokenizer(tmp_path / "tokenizer.bin")
    notes = {}
    for base in (10_000.0, 500.0):
        parts = write_model(tmp_path / "stories.bin", len(pieces), shared=True, base=base)
        found = detect(str(tmp_path))
        notes[base] = [note for note in found.notes if "rotary angles" in note]
    assert not notes[10_000.0] and notes[500.0]
    import_run(found, "theirs")
    logits = functional.logits(load_checkpoint("theirs").weights, torch.tensor([[1, 5, 7, 9]]))[0]
    assert np.abs(logits.numpy() - forward(parts, [1, 5, 7, 9])).max() < 1e-4


TEXTS = [
    *little_stories(20, seed=7),
    "",
    "Tom",
    "  Tom   ran \n home.",
    'He said “no” — naïvely, 雪 and 🙂!"',
    "aaaaaaaa ttttthhhhhe",
    "<s> </s> <0x0A>",
]


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
    assert "".join(tokenizer.pieces(tokenizer.encode(" the ball"))) == " the ball"
    assert tokenizer.pieces([1, 3 + 0x0A, 3 + 0xE2]) == ["<|endoftext|>", "\n", "\\xe2"]
    assert tokenizer.decode(tokenizer.encode(" ran.")) == " ran."


@pytest.mark.parametrize(
    ("header", "rule"),
    [
        ((288, 768, 6, 6, 6, 32000, 256), "must have 60,816,028 bytes by its header"),
        ((1 << 24, 1 << 24, 1 << 24, 2, 2, 512, 1 << 24), "must be a whole number"),
        ((0, 1, 1, 1, 1, 300, 1), "no model of llama2.c"),
        ((-4, 4, 1, 1, 1, 300, 4), "no model of llama2.c"),
        ((4, 4, 1, 3, 3, 300, 4), "no model of llama2.c"),
        ((4, 4, 1, 2, 2, 128256, 4), "at most 65,536 of them, not 128,256"),
        ((12, 4, 1, 3, 2, 300, 4), "multiple of its 2 key heads"),
    ],
)
def test_a_header_that_promises_what_is_not_there_is_refused(
    tmp_path: Path, header: tuple[int, ...], rule: str
) -> None:
    path = tmp_path / "stories.bin"
    path.write_bytes(struct.pack("<7i", *header) + bytes(400))
    with pytest.raises(BadInput, match=rule) as caught:
        detect(str(path))
    assert "\n" not in str(caught.value)


def test_a_later_version_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "stories.bin").write_bytes(struct.pack("<Ii", 0x616B3432, 1) + bytes(300))
    with pytest.raises(BadInput, match="export it with --version 0"):
        detect(str(tmp_path / "stories.bin"))
