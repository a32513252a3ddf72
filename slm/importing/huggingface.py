"""What the config.json of a Hugging Face folder says of a GPT-2, GPT-Neo or Llama model."""

from collections.abc import Mapping
from typing import Any

from slm.errors import BadInput
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
LARGEST = 1 << 24


def config_of(data: Mapping[str, Any]) -> ModelConfig:
    """The shape that a config.json tells.

    Raises `BadInput` for another kind, and for anything about it that changes what is computed and
    is not known here.
    """
    kind = data.get("model_type")
    if kind not in KINDS:
        raise BadInput(f"a model to import is one of {', '.join(KINDS)}, not {kind!r}")
    vocabulary = whole(data, "vocab_size")
    if vocabulary > VOCABULARY_RANGE[1]:
        raise BadInput(
            f"tokens are kept in 16 bits, so a model has at most {VOCABULARY_RANGE[1]:,} of them, "
            f"not {vocabulary:,}"
        )
    return {"gpt2": _gpt2, "gpt_neo": _gpt_neo, "llama": _llama}[kind](data)


def whole(data: Mapping[str, Any], name: str, default: int | None = None) -> int:
    """A size; `BadInput` where it is none."""
    value = data.get(name)
    value = default if value is None else value
    if type(value) is not int or not 1 <= value <= LARGEST:
        raise BadInput(f"{name} must be a whole number of 1 to {LARGEST:,}, not {str(value)[:80]}")
    return value


def number(data: Mapping[str, Any], name: str, default: float) -> float:
    """A positive number; `BadInput` where it is none."""
    value = data.get(name)
    value = default if value is None else value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e12:
        raise BadInput(f"{name} must be a number above 0, not {str(value)[:80]}")
    return float(value)


def _activation(data: Mapping[str, Any], name: str, default: str) -> Any:
    said = data.get(name) or default
    if said not in ACTIVATIONS:
        raise BadInput(f"{name} is one of {', '.join(ACTIVATIONS)}, not {str(said)[:80]!r}")
    return ACTIVATIONS[said]


def _refuse(data: Mapping[str, Any], **usual: Any) -> None:
    for name, value in usual.items():
        if data.get(name) not in (None, value):
            raise BadInput(f"{name} must be {value}, not {str(data[name])[:80]}")


def _gpt2(data: Mapping[str, Any]) -> ModelConfig:
    _refuse(data, scale_attn_by_inverse_layer_idx=False, add_cross_attention=False)
    width = whole(data, "n_embd", 768)
    return ModelConfig(
        d_model=width,
        n_layers=whole(data, "n_layer", 12),
        n_heads=whole(data, "n_head", 12),
        d_vocab=whole(data, "vocab_size"),
        n_ctx=whole(data, "n_positions", 1024),
        mlp_width=whole(data, "n_inner", 4 * width),
        tied=data.get("tie_word_embeddings") is not False,
        attn_scale=data.get("scale_attn_weights") is not False,
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
        raise BadInput(f"attention_layers must name {layers} layers, not {str(attention)[:80]}")
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
        tied=data.get("tie_word_embeddings") is not False,
        attn_scale=False,
        local_window=window if "local" in attention else None,
        eps=number(data, "layer_norm_epsilon", 1e-5),
        act_fn=_activation(data, "activation_function", "gelu_new"),
    )


def _llama(data: Mapping[str, Any]) -> ModelConfig:
    _refuse(data, mlp_bias=False, pretraining_tp=1, partial_rotary_factor=1.0)
    width, heads = whole(data, "hidden_size", 4096), whole(data, "num_attention_heads", 32)
    if data.get("head_dim") not in (None, width // heads):
        raise BadInput(
            f"head_dim must be hidden_size / heads = {width // heads}, not {data['head_dim']}"
        )
    rope = data.get("rope_parameters") or data.get("rope_scaling") or {}
    kind = rope.get("rope_type", rope.get("type", "default")) if isinstance(rope, dict) else rope
    if kind != "default" or (rope and rope.get("partial_rotary_factor") not in (None, 1.0)):
        raise BadInput(f"rotary positions must be plain, not scaled by {str(kind)[:80]!r}")
    return ModelConfig(
        d_model=width,
        n_layers=whole(data, "num_hidden_layers", 32),
        n_heads=heads,
        d_vocab=whole(data, "vocab_size"),
        n_ctx=min(CONTEXT, whole(data, "max_position_embeddings", 2048)),
        mlp_width=whole(data, "intermediate_size", 11008),
        tied=data.get("tie_word_embeddings") is True,
        eps=number(data, "rms_norm_eps", 1e-6),
        normalization_type="RMS",
        positional_embedding_type="rotary",
        rotary_base=number(data, "rope_theta", number(rope, "rope_theta", 10_000.0)),
        act_fn=_activation(data, "hidden_act", "silu"),
        gated_mlp=True,
    )
