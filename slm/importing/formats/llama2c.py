"""llama2.c's model file, a `.bin` of version 0.

The model is seven int32 (dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len; a
negative vocab_size means that the unembedding is its own), then float32 to the end. Its rotary pairs
are neighbours (2i, 2i + 1); ours are (i, i + d_head / 2), so rows of queries and keys change places.
"""

import struct
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from slm.errors import BadInput
from slm.importing.config_fields import LARGEST
from slm.importing.foreign_model import ForeignModel
from slm.importing.formats.huggingface import CONTEXT
from slm.importing.formats.huggingface_tensors import heads_of, out_of
from slm.importing.json_files import refuse_pointer
from slm.importing.tensors import ForeignTensors, TensorShape
from slm.importing.weight_sources import TensorSource, heads_per_key_head, identity, transposed
from slm.model.config import VOCABULARY_RANGE, ModelConfig

BASE, TRIED = 10_000.0, 256
"""Of the rotary angles, and at how many positions they are compared."""
OTHER_ANGLES = (
    "The rotary angles in its file are not those of the base 10,000, which llama2.c takes whatever the "
    "file says, and which is taken here, too."
)
HEADER = struct.Struct("<7i")
MAGIC = b"24ka"  # "ak42", of versions 1 and 2


def read(path: Path) -> ForeignModel:
    """Read a version 0 model file; `BadInput` where its size does not match its header."""
    refuse_pointer(path)
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEADER.size)
    if head.startswith(MAGIC):
        raise BadInput(f"{path.name} is of llama2.c's version 1 or 2; export it with --version 0")
    if len(head) < HEADER.size:
        raise BadInput(f"{path.name} is too short for a model of llama2.c")
    d, m, layers, heads, groups, vocabulary, context = HEADER.unpack(head)
    sizes = (d, m, layers, heads, groups, abs(vocabulary), context)
    if not all(1 <= side <= LARGEST for side in sizes) or d % heads:
        raise BadInput(f"{path.name} is no model of llama2.c of version 0: its header says {sizes}")
    if abs(vocabulary) > VOCABULARY_RANGE[1]:
        raise BadInput(
            f"tokens are kept in 16 bits, so a model has at most {VOCABULARY_RANGE[1]:,} of them, "
            f"not {abs(vocabulary):,}"
        )
    config = ModelConfig(
        d_model=d,
        n_layers=layers,
        n_heads=heads,
        d_vocab=abs(vocabulary),
        n_ctx=min(CONTEXT, context),
        mlp_width=m,
        tied=vocabulary > 0,
        normalization_type="RMS",
        positional_embedding_type="rotary",
        act_fn="silu",
        gated_mlp=True,
    )
    times, angles = heads_per_key_head(config, groups), context * config.d_head // 2
    parts = _parts(config, groups, angles)
    promised = HEADER.size + 4 * sum(_size(shape) for shape in parts.values())
    if promised != size:
        raise BadInput(f"{path.name} must have {promised:,} bytes by its header, not {size:,}")
    numbers = np.memmap(path, dtype="<f4", mode="r", offset=HEADER.size)
    shapes, starts, at = {}, {}, 0
    for name, shape in parts.items():
        each = shape[1:] if len(shape) > 1 and name in PER_LAYER else shape
        for layer in range(layers if name in PER_LAYER else 1):
            key = f"{name}.{layer}" if name in PER_LAYER else name
            shapes[key], starts[key] = each, at
            at += _size(each)

    def take(key: str) -> Tensor:
        flat = numbers[starts[key] : starts[key] + _size(shapes[key])]
        return torch.from_numpy(np.array(flat, dtype=np.float32)).view(shapes[key])

    tensors = ForeignTensors(shapes=shapes, read=take, half=False)
    return ForeignModel(
        kind="llama2.c, version 0",
        config=config,
        sources=sources_of(config, groups, times),
        tensors=tensors,
        passed_over="angles",
        reach=context,
        notes=() if _usual(take("angles"), config.d_head) else (OTHER_ANGLES,),
    )


def _usual(angles: Tensor, d_head: int) -> bool:
    """Return whether the rotary tables have llama2.c's fixed base, or are all 0."""
    found = angles.view(2, -1, d_head // 2)[:, :TRIED].double()
    turns = BASE ** -(torch.arange(0, d_head, 2).double() / d_head)
    usual = torch.outer(torch.arange(found.shape[1]).double(), turns)
    return not found.any() or torch.allclose(
        found, torch.stack((usual.cos(), usual.sin())), atol=1e-3
    )


PER_LAYER = ("ln1", "wq", "wk", "wv", "wo", "ln2", "w1", "w2", "w3")


def _parts(config: ModelConfig, groups: int, angles: int) -> dict[str, TensorShape]:
    """Return the shape of each part of the file, in file order."""
    d, m, n = config.d_model, config.d_mlp, config.n_layers
    kv = groups * config.d_head
    parts: dict[str, TensorShape] = {
        "embedding": (config.d_vocab, d),
        "ln1": (n, d),
        "wq": (n, d, d),
        "wk": (n, kv, d),
        "wv": (n, kv, d),
        "wo": (n, d, d),
        "ln2": (n, d),
        "w1": (n, m, d),
        "w2": (n, d, m),
        "w3": (n, m, d),
        "ln_final": (d,),
        "angles": (2 * angles,),
    }
    return parts if config.tied else parts | {"unembedding": (config.d_vocab, d)}


def sources_of(config: ModelConfig, groups: int, times: int) -> list[TensorSource]:
    """Map parameters to tensors; rotary pairs are reordered, grouped key heads repeated."""
    d, m, heads, kv = config.d_model, config.d_mlp, config.n_heads, groups * config.d_head
    found = [
        TensorSource(ours="embed.W_E", name="embedding", shape=(config.d_vocab, d)),
        TensorSource(ours="ln_final.w", name="ln_final", shape=(d,)),
    ]
    if not config.tied:
        found.append(
            TensorSource(
                ours="unembed.W_U",
                name="unembedding",
                shape=(config.d_vocab, d),
                becomes=transposed,
            )
        )
    for layer in range(config.n_layers):
        for ours, name, shape, becomes in (
            ("ln1.w", "ln1", (d,), identity),
            ("ln2.w", "ln2", (d,), identity),
            ("attn.W_Q", "wq", (d, d), partial(_halved, heads=heads, times=1)),
            ("attn.W_K", "wk", (kv, d), partial(_halved, heads=groups, times=times)),
            ("attn.W_V", "wv", (kv, d), partial(heads_of, heads=groups, times=times)),
            ("attn.W_O", "wo", (d, d), partial(out_of, heads=heads)),
            ("mlp.W_gate", "w1", (m, d), transposed),
            ("mlp.W_out", "w2", (d, m), transposed),
            ("mlp.W_in", "w3", (m, d), transposed),
        ):
            found.append(
                TensorSource(
                    ours=f"blocks.{layer}.{ours}",
                    name=f"{name}.{layer}",
                    shape=shape,
                    becomes=becomes,
                )
            )
    return found


def _halved(tensor: Tensor, *, heads: int, times: int) -> Tensor:
    """Reorder queries or keys from interleaved to half-split rotary pairs."""
    rows, d = tensor.shape
    pairs = tensor.view(heads, rows // heads // 2, 2, d).transpose(1, 2)
    return heads_of(pairs.reshape(rows, d), heads=heads, times=times)


def _size(shape: TensorShape) -> int:
    total = 1
    for side in shape:
        total *= side
    return total
