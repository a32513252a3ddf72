"""Mapping of a Hugging Face folder's tensors to parameters.

Grouped key and value heads are repeated, one for each head: the same function as ordinary attention.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import Tensor

from slm.errors import BadInput
from slm.importing.config_fields import flag, whole
from slm.importing.tensors import ForeignTensors
from slm.importing.weight_sources import (
    TensorSource,
    check_layer_count,
    heads_per_key_head,
    identity,
    transposed,
)
from slm.model.config import ModelConfig

PASSED_OVER = r".*\.(attn|attention)\.(bias|masked_bias)|.*\.rotary_emb\.inv_freq|lm_head\.weight"
"""Masks and angles, which are computed; and the unembedding of a model that ties it."""


def sources_of(
    data: Mapping[str, Any], config: ModelConfig, tensors: ForeignTensors
) -> list[TensorSource]:
    """Map each parameter to its tensor in the folder.

    Raises `BadInput` where there are fewer tensors than layers, and where an unembedding said to be
    tied differs from the embedding: `transformers` ignores it until version 4 and uses it since 5.
    """
    check_layer_count(config, tensors)
    kind = data["model_type"]
    embedding = "embed_tokens.weight" if kind == "llama" else "wte.weight"
    own = config.tied and "lm_head.weight" in tensors.shapes
    if own and not tensors.same(embedding, "lm_head.weight"):
        raise BadInput(
            f"tie_word_embeddings must be false, as 'lm_head.weight' is not {embedding!r} again"
        )
    if kind == "llama":
        return _llama_sources(config, whole(data, "num_key_value_heads", config.n_heads), data)
    return gpt_sources(config, neo=kind == "gpt_neo")


def heads_of(tensor: Tensor, *, heads: int, times: int) -> Tensor:
    """Reshape [heads x d_head, d_model] to [head, d_model, d_head], each head repeated `times`."""
    return tensor.view(heads, -1, tensor.shape[1]).repeat_interleave(times, 0).transpose(1, 2)


def bias_of(tensor: Tensor, *, heads: int, times: int) -> Tensor:
    """Reshape [heads x d_head] to [head, d_head], each head repeated `times`."""
    return tensor.view(heads, -1).repeat_interleave(times, 0)


def out_of(tensor: Tensor, *, heads: int) -> Tensor:
    """Reshape [d_model, heads x d_head] to [head, d_head, d_model]."""
    return tensor.T.reshape(heads, -1, tensor.shape[0])


def gpt_sources(config: ModelConfig, *, neo: bool) -> list[TensorSource]:
    """Map parameters to tensors of GPT-2 (fused qkv, multiplying from the right) or GPT-Neo (neither)."""
    d, m, heads = config.d_model, config.d_mlp, config.n_heads
    found = [
        TensorSource(ours="embed.W_E", name="wte.weight", shape=(config.d_vocab, d)),
        TensorSource(ours="pos_embed.W_pos", name="wpe.weight", shape=(config.n_ctx, d)),
        TensorSource(ours="ln_final.w", name="ln_f.weight", shape=(d,)),
        TensorSource(ours="ln_final.b", name="ln_f.bias", shape=(d,)),
    ]
    if not config.tied:
        found.append(_unembedding(config))
    for layer in range(config.n_layers):
        at, there = f"blocks.{layer}", f"h.{layer}"
        for norm, name in (("ln1", "ln_1"), ("ln2", "ln_2")):
            found += [
                TensorSource(ours=f"{at}.{norm}.w", name=f"{there}.{name}.weight", shape=(d,)),
                TensorSource(ours=f"{at}.{norm}.b", name=f"{there}.{name}.bias", shape=(d,)),
            ]
        if neo:
            attention, out = f"{there}.attn.attention", f"{there}.attn.attention.out_proj"
            found += [
                TensorSource(
                    ours=f"{at}.attn.W_{letter.upper()}",
                    name=f"{attention}.{letter}_proj.weight",
                    shape=(d, d),
                    becomes=partial(heads_of, heads=heads, times=1),
                )
                for letter in "qkv"
            ]
        else:
            out = f"{there}.attn.c_proj"
            for index, letter in enumerate("QKV"):
                found += [
                    TensorSource(
                        ours=f"{at}.attn.W_{letter}",
                        name=f"{there}.attn.c_attn.weight",
                        shape=(d, 3 * d),
                        becomes=partial(_third, index=index, heads=heads),
                    ),
                    TensorSource(
                        ours=f"{at}.attn.b_{letter}",
                        name=f"{there}.attn.c_attn.bias",
                        shape=(3 * d,),
                        becomes=partial(_third_of_bias, index=index, heads=heads),
                    ),
                ]
        found += [
            TensorSource(
                ours=f"{at}.attn.W_O",
                name=f"{out}.weight",
                shape=(d, d),
                becomes=partial(out_of, heads=heads)
                if neo
                else partial(_as_heads_out, heads=heads),
            ),
            TensorSource(ours=f"{at}.attn.b_O", name=f"{out}.bias", shape=(d,)),
        ]
        for ours, name, size in (("in", "c_fc", (d, m)), ("out", "c_proj", (m, d))):
            found += [
                TensorSource(
                    ours=f"{at}.mlp.W_{ours}",
                    name=f"{there}.mlp.{name}.weight",
                    shape=size[::-1] if neo else size,
                    becomes=transposed if neo else identity,
                ),
                TensorSource(
                    ours=f"{at}.mlp.b_{ours}", name=f"{there}.mlp.{name}.bias", shape=size[1:]
                ),
            ]
    return found


def _third(tensor: Tensor, *, index: int, heads: int) -> Tensor:
    """Slice queries, keys or values from [d_model, 3 d_model] as [head, d_model, d_head]."""
    d = len(tensor)
    return tensor[:, index * d : (index + 1) * d].reshape(d, heads, -1).transpose(0, 1)


def _third_of_bias(tensor: Tensor, *, index: int, heads: int) -> Tensor:
    return tensor.view(3, heads, -1)[index]


def _as_heads_out(tensor: Tensor, *, heads: int) -> Tensor:
    return tensor.view(heads, -1, tensor.shape[1])


def _unembedding(config: ModelConfig) -> TensorSource:
    return TensorSource(
        ours="unembed.W_U",
        name="lm_head.weight",
        shape=(config.d_vocab, config.d_model),
        becomes=transposed,
    )


def _llama_sources(config: ModelConfig, groups: int, data: Mapping[str, Any]) -> list[TensorSource]:
    d, m, heads = config.d_model, config.d_mlp, config.n_heads
    times = heads_per_key_head(config, groups)
    found = [
        TensorSource(ours="embed.W_E", name="embed_tokens.weight", shape=(config.d_vocab, d)),
        TensorSource(ours="ln_final.w", name="norm.weight", shape=(d,)),
    ]
    if not config.tied:
        found.append(_unembedding(config))
    for layer in range(config.n_layers):
        at, there = f"blocks.{layer}", f"layers.{layer}"
        found += [
            TensorSource(ours=f"{at}.ln1.w", name=f"{there}.input_layernorm.weight", shape=(d,)),
            TensorSource(
                ours=f"{at}.ln2.w", name=f"{there}.post_attention_layernorm.weight", shape=(d,)
            ),
        ]
        for letter, many, each in (("q", heads, 1), ("k", groups, times), ("v", groups, times)):
            name, rows = f"{there}.self_attn.{letter}_proj", many * config.d_head
            found.append(
                TensorSource(
                    ours=f"{at}.attn.W_{letter.upper()}",
                    name=f"{name}.weight",
                    shape=(rows, d),
                    becomes=partial(heads_of, heads=many, times=each),
                )
            )
            if flag(data, "attention_bias", False):
                found.append(
                    TensorSource(
                        ours=f"{at}.attn.b_{letter.upper()}",
                        name=f"{name}.bias",
                        shape=(rows,),
                        becomes=partial(bias_of, heads=many, times=each),
                    )
                )
        out = f"{there}.self_attn.o_proj"
        found.append(
            TensorSource(
                ours=f"{at}.attn.W_O",
                name=f"{out}.weight",
                shape=(d, d),
                becomes=partial(out_of, heads=heads),
            )
        )
        if flag(data, "attention_bias", False):
            found.append(TensorSource(ours=f"{at}.attn.b_O", name=f"{out}.bias", shape=(d,)))
        for ours, name, size in (
            ("gate", "gate_proj", (m, d)),
            ("in", "up_proj", (m, d)),
            ("out", "down_proj", (d, m)),
        ):
            found.append(
                TensorSource(
                    ours=f"{at}.mlp.W_{ours}",
                    name=f"{there}.mlp.{name}.weight",
                    shape=size,
                    becomes=transposed,
                )
            )
    return found
