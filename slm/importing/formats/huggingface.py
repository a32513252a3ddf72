"""Configurations of GPT-2, GPT-Neo and Llama from a Hugging Face config.json."""

from collections.abc import Mapping
from typing import Any

from slm.errors import BadInput, shown
from slm.importing.config_fields import KnownFields, flag, names, number, whole
from slm.model.config import VOCABULARY_RANGE, ModelConfig

CONTEXT = 2048
"""Rotary models are read up to here, though they may reach further: pages are made for stories."""
KINDS = ("gpt2", "gpt_neo", "llama")
ACTIVATIONS = {
    "gelu_new": "gelu_new",
    "gelu_pytorch_tanh": "gelu_new",
    "gelu": "gelu",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
CLASSES = {
    "gpt2": ("GPT2LMHeadModel", "GPT2Model", "GPT2DoubleHeadsModel"),
    "gpt_neo": ("GPTNeoForCausalLM", "GPTNeoModel"),
    "llama": ("LlamaForCausalLM", "LlamaModel"),
}
"""The classes of `transformers` that compute what is computed here."""

COMMON = names("""
    model_type architectures vocab_size tie_word_embeddings
""")
WITHOUT_EFFECT = names("""
    transformers_version _name_or_path _commit_hash _attn_implementation_autoset attn_implementation
    dtype torch_dtype torchscript use_bfloat16 tf_legacy_loss xla_device gradient_checkpointing use_cache
    output_hidden_states output_attentions output_past return_dict return_dict_in_generate output_scores
    bos_token_id eos_token_id pad_token_id sep_token_id decoder_start_token_id prefix tokenizer_class
    initializer_range attention_dropout classifier_dropout hidden_dropout resid_pdrop embd_pdrop attn_pdrop
    resid_dropout embed_dropout summary_type summary_use_proj summary_activation summary_first_dropout
    summary_proj_to_labels predict_special_tokens finetuning_task problem_type num_labels id2label label2id
    task_specific_params max_length min_length do_sample early_stopping num_beams num_beam_groups
    diversity_penalty temperature top_k top_p typical_p repetition_penalty length_penalty bad_words_ids
    no_repeat_ngram_size encoder_no_repeat_ngram_size num_return_sequences forced_bos_token_id
    forced_eos_token_id remove_invalid_values exponential_decay_length_penalty suppress_tokens
    begin_suppress_tokens chunk_size_feed_forward is_decoder tie_encoder_decoder
    cross_attention_hidden_size transformers.js_config unsloth_version unsloth_fixed is_llama_config
    max_sequence_length
""")
"""What is for training, sampling and saving; and chunks and data types, which change no function."""
FALSE = (False,)
KNOWN = {
    "gpt2": KnownFields(
        read=COMMON
        | names("""
            n_embd n_layer n_head n_positions n_inner activation_function layer_norm_epsilon
            scale_attn_weights
        """),
        without_effect=WITHOUT_EFFECT | names("n_ctx reorder_and_upcast_attn"),
        only={
            "scale_attn_by_inverse_layer_idx": FALSE,
            "add_cross_attention": FALSE,
            "is_encoder_decoder": FALSE,
        },
    ),
    "gpt_neo": KnownFields(
        read=COMMON
        | names("""
            hidden_size num_layers num_heads max_position_embeddings intermediate_size window_size
            attention_types attention_layers activation_function layer_norm_epsilon
        """),
        without_effect=WITHOUT_EFFECT,
        only={"add_cross_attention": FALSE, "is_encoder_decoder": FALSE},
    ),
    "llama": KnownFields(
        read=COMMON
        | names("""
            hidden_size num_hidden_layers num_attention_heads num_key_value_heads head_dim
            max_position_embeddings intermediate_size rms_norm_eps hidden_act attention_bias rope_theta
            rope_parameters rope_scaling layer_types
        """),
        without_effect=WITHOUT_EFFECT,
        only={
            "mlp_bias": FALSE,
            "pretraining_tp": (1,),
            "partial_rotary_factor": (1.0,),
            "rope_interleaved": FALSE,
            "use_sliding_window": FALSE,
            "add_cross_attention": FALSE,
            "is_encoder_decoder": FALSE,
        },
    ),
}
ROPE = KnownFields(
    read=names("rope_type type rope_theta"),
    without_effect=frozenset(),
    only={"partial_rotary_factor": (1.0,)},
)


def config_of(data: Mapping[str, Any]) -> ModelConfig:
    """Convert a config.json to a model configuration.

    Raises `BadInput` for another model type, and for any field that changes what is computed and is
    not known here.
    """
    kind = data.get("model_type")
    if kind not in KINDS:
        raise BadInput(f"a model to import is one of {', '.join(KINDS)}, not {shown(kind)}")
    KNOWN[kind].check(data)
    classes = data.get("architectures") or []
    if not isinstance(classes, list) or not set(map(str, classes)) <= set(CLASSES[kind]):
        raise BadInput(f"architectures is one of {', '.join(CLASSES[kind])}, not {shown(classes)}")
    vocabulary = whole(data, "vocab_size")
    if vocabulary > VOCABULARY_RANGE[1]:
        raise BadInput(
            f"tokens are kept in 16 bits, so a model has at most {VOCABULARY_RANGE[1]:,} of them, "
            f"not {vocabulary:,}"
        )
    return {"gpt2": _gpt2, "gpt_neo": _gpt_neo, "llama": _llama}[kind](data)


def _activation(data: Mapping[str, Any], name: str, default: str) -> Any:
    said = data.get(name) or default
    if said not in ACTIVATIONS:
        raise BadInput(f"{name} is one of {', '.join(ACTIVATIONS)}, not {shown(said)}")
    return ACTIVATIONS[said]


def _gpt2(data: Mapping[str, Any]) -> ModelConfig:
    width = whole(data, "n_embd", 768)
    return ModelConfig(
        d_model=width,
        n_layers=whole(data, "n_layer", 12),
        n_heads=whole(data, "n_head", 12),
        d_vocab=whole(data, "vocab_size"),
        n_ctx=whole(data, "n_positions", 1024),
        mlp_width=whole(data, "n_inner", 4 * width),
        tied=flag(data, "tie_word_embeddings", True),
        attn_scale=flag(data, "scale_attn_weights", True),
        eps=number(data, "layer_norm_epsilon", 1e-5),
        act_fn=_activation(data, "activation_function", "gelu_new"),
    )


def _gpt_neo(data: Mapping[str, Any]) -> ModelConfig:
    layers, width = whole(data, "num_layers", 24), whole(data, "hidden_size", 2048)
    if layers > 10_000:
        raise BadInput(f"a model has at most 10,000 layers, not {layers:,}")
    context = whole(data, "max_position_embeddings", 2048)
    window = min(whole(data, "window_size", 256), context)
    attention = data.get("attention_layers")
    if attention is None:
        try:
            groups = data.get("attention_types") or [[["global", "local"], layers // 2]]
            attention = [
                kind for kinds, times in groups for _ in range(min(times, layers)) for kind in kinds
            ]
        except (TypeError, ValueError):
            raise BadInput(
                "attention_types must be a list of kinds and how often they come"
            ) from None
    if not isinstance(attention, list) or len(attention) != layers:
        raise BadInput(f"attention_layers must name {layers} layers, not {shown(attention)}")
    alternating = ["local" if layer % 2 else "global" for layer in range(layers)]
    if attention != alternating and attention != ["global"] * layers:
        raise BadInput("attention_layers must be global everywhere, or global and local in turn")
    return ModelConfig(
        d_model=width,
        n_layers=layers,
        n_heads=whole(data, "num_heads", 16),
        d_vocab=whole(data, "vocab_size"),
        n_ctx=context,
        mlp_width=whole(data, "intermediate_size", 4 * width),
        tied=flag(data, "tie_word_embeddings", True),
        attn_scale=False,
        local_window=window if "local" in attention else None,
        eps=number(data, "layer_norm_epsilon", 1e-5),
        act_fn=_activation(data, "activation_function", "gelu_new"),
    )


def _llama(data: Mapping[str, Any]) -> ModelConfig:
    width, heads = whole(data, "hidden_size", 4096), whole(data, "num_attention_heads", 32)
    if data.get("head_dim") not in (None, width // heads):
        raise BadInput(
            f"head_dim must be hidden_size / heads = {width // heads}, not {shown(data['head_dim'])}"
        )
    flag(data, "attention_bias", False)
    if set(kinds := data.get("layer_types") or []) - {"full_attention"}:
        raise BadInput(f"layer_types must be full_attention everywhere, not {shown(kinds)}")
    return ModelConfig(
        d_model=width,
        n_layers=whole(data, "num_hidden_layers", 32),
        n_heads=heads,
        d_vocab=whole(data, "vocab_size"),
        n_ctx=min(CONTEXT, whole(data, "max_position_embeddings", 2048)),
        mlp_width=whole(data, "intermediate_size", 11008),
        tied=flag(data, "tie_word_embeddings", False),
        eps=number(data, "rms_norm_eps", 1e-6),
        normalization_type="RMS",
        positional_embedding_type="rotary",
        rotary_base=_rotary_base(data),
        act_fn=_activation(data, "hidden_act", "silu"),
        gated_mlp=True,
    )


def _rotary_base(data: Mapping[str, Any]) -> float:
    """Return the base of unscaled rotary positions; `BadInput` for scaled or partial ones."""
    said = [data[name] for name in ("rope_parameters", "rope_scaling") if data.get(name)]
    bases = {number(data, "rope_theta", 10_000.0)} if "rope_theta" in data else set()
    for rope in said:
        kind = rope.get("rope_type", rope.get("type")) if isinstance(rope, dict) else rope
        if not isinstance(rope, dict) or kind not in (None, "default"):
            raise BadInput(f"rotary positions must be plain, not scaled by {shown(kind)}")
        ROPE.check(rope)
        if "rope_theta" in rope:
            bases.add(number(rope, "rope_theta", 10_000.0))
    if len(bases) > 1:
        raise BadInput(f"rope_theta must be one number, not {shown(sorted(bases))}")
    return bases.pop() if bases else 10_000.0
