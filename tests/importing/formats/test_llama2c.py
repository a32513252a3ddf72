"""llama2.c's files, against the format read and computed independently, number by number."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from slm.errors import BadInput
from slm.generation.sampler import Sampling, complete
from slm.importing.detect import detect
from slm.importing.import_run import import_run
from slm.model import functional
from slm.runs import load_checkpoint
from tests.importing.tokenizers.test_llama2c_bin import greedy, write_tokenizer

D, M, LAYERS, HEADS, GROUPS, CONTEXT = 24, 40, 2, 6, 2, 32
KV = D // HEADS * GROUPS


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
