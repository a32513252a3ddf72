"""A TransformerLens state dict: its names are ours already; its configuration is checked field by field."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from slm.errors import BadInput, shown
from slm.importing.config_fields import KnownFields, flag, names, number, whole
from slm.importing.formats.huggingface import CONTEXT
from slm.importing.tensors import ForeignTensors
from slm.importing.weight_sources import (
    TensorSource,
    check_layer_count,
    heads_per_key_head,
    identity,
)
from slm.model.config import ModelConfig
from slm.model.weights import empty

PASSED_OVER = r".*\.attn\.(mask|IGNORE|rotary_sin|rotary_cos)|unembed\.W_U"
"""Buffers that are computed; and the unembedding, where it is the embedding again."""
FIELDS = ("d_model", "n_layers", "n_heads", "d_vocab", "n_ctx")
"""By which a TransformerLens configuration is known."""
NOT_SET = (-1.0,)
KNOWN = KnownFields(
    read=names("""
        d_model n_layers n_heads d_head d_vocab d_vocab_out n_ctx d_mlp act_fn gated_mlp eps
        normalization_type final_rms positional_embedding_type rotary_dim rotary_base n_key_value_heads
        use_attn_scale attn_scale use_local_attn attn_types window_size
    """),
    without_effect=names("""
        model_name tokenizer_name default_prepend_bos tokenizer_prepends_bos trust_remote_code
        device n_devices dtype seed n_params init_mode init_weights initializer_range
        from_checkpoint checkpoint_index checkpoint_label_type checkpoint_value
        use_attn_result use_split_qkv_input use_hook_mlp_in use_attn_in use_hook_tokens
        ungroup_grouped_query_attention layer_norm_folding uses_rms_norm tie_word_embeddings
        train_seq_length NTK_by_parts_low_freq_factor NTK_by_parts_high_freq_factor NTK_by_parts_factor
        NTK_original_ctx_len yarn_factor yarn_attention_factor yarn_beta_fast yarn_beta_slow
        yarn_original_max_position_embeddings yarn_truncate yarn_global_attn_only
        experts_per_token norm_topk_prob relative_attention_max_distance decoder_start_token_id
    """),
    only={
        "original_architecture": (
            "GPT2LMHeadModel",
            "GPTNeoForCausalLM",
            "LlamaForCausalLM",
            "neel",
        ),
        "attn_only": (False,),
        "parallel_attn_mlp": (False,),
        "attention_dir": ("causal",),
        "scale_attn_by_inverse_layer_idx": (False,),
        "use_normalization_before_and_after": (False,),
        "post_embedding_ln": (False,),
        "use_qk_norm": (False,),
        "use_logn_attn": (False,),
        "use_attention_sinks": (False,),
        "use_NTK_by_parts_rope": (False,),
        "use_yarn_rope": (False,),
        "use_dynamic_ntk_rope": (False,),
        "rotary_adjacent_pairs": (False,),
        "rotary_scaling_factor": (1.0,),
        "rotary_base_local": (),
        "attn_scores_soft_cap": NOT_SET,
        "output_logits_soft_cap": NOT_SET,
        "clip_qkv": (),
        "num_experts": (),
        "relative_attention_num_buckets": (),
        "load_in_4bit": (False,),
        "quantization_method": (),
    },
)
"""The fields of `HookedTransformerConfig` (3.9). What only scaled rotary positions, experts or relative
positions read has no effect where those are refused."""


def config_of(data: Mapping[str, Any], *, tied: bool) -> ModelConfig:
    """Convert `HookedTransformerConfig.to_dict()` to a model configuration.

    Folded norms (`LNPre`, `RMSPre`) are read as norms with gain 1. Raises `BadInput` for fields whose
    computation differs here.
    """
    KNOWN.check(data)
    width, heads, layers = (whole(data, name) for name in ("d_model", "n_heads", "n_layers"))
    if data.get("d_head") not in (None, width // heads):
        raise BadInput(
            f"d_head must be d_model / n_heads = {width // heads}, not {shown(data['d_head'])}"
        )
    scale = data.get("attn_scale")
    if scale not in (None, -1.0) and scale != (width // heads) ** 0.5:
        raise BadInput(f"attn_scale must be the root of d_head, not {shown(scale)}")
    if data.get("rotary_dim") not in (None, width // heads):
        raise BadInput(
            f"rotary_dim must be d_head = {width // heads}, not {shown(data['rotary_dim'])}"
        )
    if data.get("d_vocab_out") not in (None, -1, data.get("d_vocab")):
        raise BadInput(f"d_vocab_out must be d_vocab, not {shown(data['d_vocab_out'])}")
    norm = str(data.get("normalization_type") or "none").removesuffix("Pre")
    positions = data.get("positional_embedding_type") or "standard"
    if norm not in ("LN", "RMS") or positions not in ("standard", "rotary"):
        raise BadInput(
            "normalization_type is LN or RMS and positional_embedding_type standard or rotary, "
            f"not {shown(norm)} and {shown(positions)}"
        )
    if norm == "LN" and flag(data, "final_rms", False):
        raise BadInput("final_rms must be False where the other norms are LN")
    context = whole(data, "n_ctx")
    activation = str(data.get("act_fn"))
    if activation not in ("gelu_new", "gelu", "silu", "relu"):
        raise BadInput(f"act_fn is gelu_new, gelu, silu or relu, not {shown(activation)}")
    return ModelConfig(
        d_model=width,
        n_layers=layers,
        n_heads=heads,
        d_vocab=whole(data, "d_vocab"),
        n_ctx=min(CONTEXT, context) if positions == "rotary" else context,
        mlp_width=whole(data, "d_mlp", 4 * width),
        tied=tied,
        attn_scale=flag(data, "use_attn_scale", True),
        local_window=_window(data, layers, context),
        eps=number(data, "eps", 1e-5),
        normalization_type="RMS" if norm == "RMS" else "LN",
        positional_embedding_type="rotary" if positions == "rotary" else "standard",
        rotary_base=number(data, "rotary_base", 10_000.0),
        act_fn=activation,  # type: ignore[arg-type]
        gated_mlp=flag(data, "gated_mlp", False),
    )


def _window(data: Mapping[str, Any], layers: int, context: int) -> int | None:
    if not flag(data, "use_local_attn", False):
        return None
    kinds = data.get("attn_types") or []
    if kinds == ["global"] * min(layers, 10_000):
        return None
    if kinds != ["local" if layer % 2 else "global" for layer in range(min(layers, 10_000))]:
        raise BadInput("attn_types must be global everywhere, or global and local in turn")
    return min(whole(data, "window_size"), context)


def is_tied(tensors: ForeignTensors) -> bool:
    """Return whether the unembedding equals the embedding."""
    names = ("embed.W_E", "unembed.W_U")
    if any(len(tensors.shapes.get(name, ())) != 2 for name in names):
        return False
    if tensors.shapes["embed.W_E"] != tensors.shapes["unembed.W_U"][::-1]:
        return False
    return bool(torch.equal(tensors.read("embed.W_E"), tensors.read("unembed.W_U").T))


def sources_of(
    data: Mapping[str, Any], config: ModelConfig, tensors: ForeignTensors
) -> list[TensorSource]:
    """Map each parameter to its tensor; `BadInput` where there are fewer tensors than layers."""
    check_layer_count(config, tensors)
    with torch.device("meta"):
        views = {
            name: tuple(view.shape) for name, view in empty(config, "meta").named_views().items()
        }
    if config.tied:
        del views["unembed.W_U"]
    groups = whole(data, "n_key_value_heads", config.n_heads)
    times = heads_per_key_head(config, groups)
    folded = str(data.get("normalization_type")).endswith("Pre")
    found = []
    for ours, shape in views.items():
        if folded and ours not in tensors.shapes and (".ln" in ours or ours.startswith("ln_final")):
            continue  # its gain is 1, its bias 0
        module, leaf = ours.rsplit(".", 1)
        if leaf in ("W_K", "W_V", "b_K", "b_V") and groups != config.n_heads:
            found.append(
                TensorSource(
                    ours=ours,
                    name=f"{module}._{leaf}",
                    shape=(groups, *shape[1:]),
                    becomes=partial(_repeat, times=times),
                )
            )
        else:
            found.append(TensorSource(ours=ours, name=ours, shape=shape, becomes=identity))
    return found


def _repeat(tensor: Tensor, *, times: int) -> Tensor:
    return tensor.repeat_interleave(times, 0)
