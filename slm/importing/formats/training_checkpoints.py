"""Checkpoints as their training leaves them: nanoGPT's, llama2.c's, and Meta's folder.

nanoGPT keeps GPT-2 with matrices that multiply from the left, and may leave out every bias. llama2.c and
Meta name a Llama's tensors alike, and turn neighbours (2i, 2i + 1) by a position as llama2.c's .bin does.
"""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import Tensor

from slm.errors import BadInput
from slm.importing.config_fields import KnownFields, flag, names, number, whole
from slm.importing.foreign_model import ForeignModel
from slm.importing.formats import llama2c
from slm.importing.formats.huggingface import CONTEXT
from slm.importing.formats.huggingface_tensors import PASSED_OVER, gpt_sources
from slm.importing.tensors import ForeignTensors
from slm.importing.weight_sources import check_layer_count, heads_per_key_head
from slm.model.config import ModelConfig

NANOGPT = KnownFields(
    read=names("n_layer n_head n_embd block_size vocab_size bias"),
    without_effect=names("dropout"),
)
LLAMA = KnownFields(
    read=names("dim n_layers n_heads n_kv_heads vocab_size norm_eps rope_theta max_seq_len"),
    without_effect=names(
        "dropout hidden_dim multiple_of ffn_dim_multiplier max_batch_size"  # widths: the tensors say
    ),
    only={"use_scaled_rope": (False,)},
)
GPT2_TOKENS, PADDED = 50_257, 50_304
"""GPT-2's vocabulary, and as nanoGPT pads it."""
LEFT = re.compile(r"h\.\d+\.(attn\.c_attn|attn\.c_proj|mlp\.c_fc|mlp\.c_proj)\.weight")
OURS = (
    ("tok_embeddings.weight", "embedding"),
    ("output.weight", "unembedding"),
    ("norm.weight", "ln_final"),
    (r"layers\.(\d+)\.attention_norm\.weight", r"ln1.\1"),
    (r"layers\.(\d+)\.ffn_norm\.weight", r"ln2.\1"),
    (r"layers\.(\d+)\.attention\.(w[qkvo])\.weight", r"\2.\1"),
    (r"layers\.(\d+)\.feed_forward\.(w[123])\.weight", r"\2.\1"),
)
"""A Llama's tensors by Meta's names, and by those that llama2.c's .bin has here."""


def opened(arguments: Mapping[str, Any], tensors: ForeignTensors) -> ForeignModel | None:
    """Tensors whose sizes are told so; None where they are not of a kind that is known."""
    if {"n_embd", "block_size"} <= arguments.keys():
        return of_nanogpt(arguments, tensors)
    if {"dim", "n_layers"} <= arguments.keys() and "tok_embeddings.weight" in tensors.shapes:
        return of_llama(arguments, tensors)
    return None


def of_nanogpt(arguments: Mapping[str, Any], tensors: ForeignTensors) -> ForeignModel:
    """nanoGPT's model by its `model_args`; `BadInput` for what is not known of them."""
    NANOGPT.check(arguments)
    tensors = _from_the_right(tensors.without("transformer."))
    width, layers = whole(arguments, "n_embd"), whole(arguments, "n_layer")
    old = "bias" not in arguments  # before January 2023: biases, and GELU's approximation by tanh
    biased = flag(arguments, "bias", True)
    config = ModelConfig(
        d_model=width,
        n_layers=layers,
        n_heads=whole(arguments, "n_head"),
        d_vocab=whole(arguments, "vocab_size", 50_257),
        n_ctx=whole(arguments, "block_size"),
        tied=tensors.same("wte.weight", "lm_head.weight"),
        act_fn="gelu_new" if old else "gelu",
    )
    check_layer_count(config, tensors)
    sources = gpt_sources(config, neo=False)
    return ForeignModel(
        kind="nanoGPT checkpoint",
        config=config,
        sources=[s for s in sources if biased or not s.name.endswith(".bias")],
        tensors=tensors,
        passed_over=PASSED_OVER,
        gpt2_tokens=config.d_vocab in (GPT2_TOKENS, PADDED),
        notes=()
        if old
        else (
            "Its neurons are read with GELU as it is; nanoGPT before June 2023 approximated it by "
            "tanh, which no checkpoint tells.",
        ),
    )


def of_llama(arguments: Mapping[str, Any], tensors: ForeignTensors) -> ForeignModel:
    """A Llama by llama2.c's `model_args` or Meta's params.json; `BadInput` for what is not known."""
    LLAMA.check(arguments)
    tensors = tensors.renamed(_by_ours)
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


def _by_ours(name: str) -> str:
    for pattern, ours in OURS:
        if re.fullmatch(pattern, name):
            return re.sub(pattern, ours, name)
    return name


def _from_the_right(tensors: ForeignTensors) -> ForeignTensors:
    """Matrices that multiply from the left as GPT-2 has them, from the right."""
    shapes = {
        name: shape[::-1] if LEFT.fullmatch(name) else shape
        for name, shape in tensors.shapes.items()
    }
    return ForeignTensors(
        shapes=shapes,
        read=partial(_transposed, tensors),
        half=tensors.half,
        unread=tensors.unread,
    )


def _transposed(tensors: ForeignTensors, name: str) -> Tensor:
    tensor = tensors.read(name)
    return tensor.T if LEFT.fullmatch(name) else tensor
