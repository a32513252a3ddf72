"""Llamas by Meta's tensor names: Meta's folder with params.json, and llama2.c's ckpt.pt.

Rotary positions turn neighbouring dimensions (2i, 2i + 1), as in llama2.c's .bin.
"""

import re
from collections.abc import Mapping
from typing import Any

from slm.errors import BadInput
from slm.importing.config_fields import KnownFields, names, number, whole
from slm.importing.foreign_model import ForeignModel
from slm.importing.formats import llama2c
from slm.importing.formats.huggingface import CONTEXT
from slm.importing.tensors import ForeignTensors
from slm.importing.weight_sources import check_layer_count, heads_per_key_head
from slm.model.config import ModelConfig

KNOWN = KnownFields(
    read=names("dim n_layers n_heads n_kv_heads vocab_size norm_eps rope_theta max_seq_len"),
    without_effect=names(
        "dropout hidden_dim multiple_of ffn_dim_multiplier max_batch_size"  # widths: the tensors say
    ),
    only={"use_scaled_rope": (False,)},
)
LLAMA2C_NAMES = (
    ("tok_embeddings.weight", "embedding"),
    ("output.weight", "unembedding"),
    ("norm.weight", "ln_final"),
    (r"layers\.(\d+)\.attention_norm\.weight", r"ln1.\1"),
    (r"layers\.(\d+)\.ffn_norm\.weight", r"ln2.\1"),
    (r"layers\.(\d+)\.attention\.(w[qkvo])\.weight", r"\2.\1"),
    (r"layers\.(\d+)\.feed_forward\.(w[123])\.weight", r"\2.\1"),
)
"""A Llama's tensors by Meta's names, and by those that llama2.c's .bin has here."""


def foreign_model(arguments: Mapping[str, Any], tensors: ForeignTensors) -> ForeignModel:
    """Describe a Llama by llama2.c's `model_args` or Meta's params.json; `BadInput` for unknown fields."""
    KNOWN.check(arguments)
    tensors = tensors.renamed(_llama2c_name)
    shape = tensors.shapes.get("embedding", ())
    rows = [width for name, (width, *_) in tensors.shapes.items() if name.startswith("w1.")]
    if len(shape) != 2 or not rows:
        raise BadInput(
            "the weights lack 'tok_embeddings.weight' or 'layers.0.feed_forward.w1.weight'"
        )
    heads = whole(arguments, "n_heads")
    context = whole(arguments, "max_seq_len", CONTEXT)
    config = ModelConfig(
        d_model=whole(arguments, "dim"),
        n_layers=whole(arguments, "n_layers"),
        n_heads=heads,
        d_vocab=shape[0],
        n_ctx=min(CONTEXT, context),
        mlp_width=rows[0],
        tied="unembedding" not in tensors.shapes or tensors.same("embedding", "unembedding"),
        eps=number(arguments, "norm_eps", 1e-5),
        normalization_type="RMS",
        positional_embedding_type="rotary",
        rotary_base=number(arguments, "rope_theta", 10_000.0),
        act_fn="silu",
        gated_mlp=True,
    )
    if arguments.get("vocab_size") not in (None, -1, config.d_vocab):
        raise BadInput(f"vocab_size must be {config.d_vocab:,} by the weights")
    check_layer_count(config, tensors)
    groups = whole(arguments, "n_kv_heads", heads)
    return ForeignModel(
        kind="llama2.c checkpoint" if "max_seq_len" in arguments else "Llama (Meta)",
        config=config,
        sources=llama2c.sources_of(config, groups, heads_per_key_head(config, groups)),
        tensors=tensors,
        passed_over=r"unembedding|rope\.freqs|freqs_(cos|sin|cis)",
        reach=context,
    )


def _llama2c_name(name: str) -> str:
    for pattern, ours in LLAMA2C_NAMES:
        if re.fullmatch(pattern, name):
            return re.sub(pattern, ours, name)
    return name
