"""A TransformerLens state dict: its names are ours already; its configuration is checked field by field."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from slm.errors import BadInput
from slm.importing.filling import Source, as_it_is, repeated
from slm.importing.huggingface import CONTEXT, number, whole
from slm.importing.tensors import Tensors
from slm.model.config import ModelConfig
from slm.model.weights import empty

PASSED_OVER = r".*\.attn\.(mask|IGNORE|rotary_sin|rotary_cos)|unembed\.W_U"
"""Buffers that are computed; and the unembedding, where it is the embedding again."""
FIELDS = ("d_model", "n_layers", "n_heads", "d_vocab", "n_ctx")
"""By which a TransformerLens configuration is known."""
USUAL = {
    "parallel_attn_mlp": False,
    "attn_only": False,
    "scale_attn_by_inverse_layer_idx": False,
    "use_normalization_before_and_after": False,
    "use_qk_norm": False,
    "post_embedding_ln": False,
    "attention_dir": "causal",
    "rotary_adjacent_pairs": False,
    "use_NTK_by_parts_rope": False,
    "use_yarn_rope": False,
    "use_dynamic_ntk_rope": False,
    "relative_attention_num_buckets": None,
    "num_experts": None,
}


def config_of(data: Mapping[str, Any], *, tied: bool) -> ModelConfig:
    """The shape that a `HookedTransformerConfig.to_dict()` tells.

    Folded norms (`LNPre`, `RMSPre`) are norms whose gain is 1. Raises `BadInput` for what is computed
    otherwise here than there.
    """
    for name, usual in USUAL.items():
        if data.get(name) not in (None, usual):
            raise BadInput(f"{name} must be {usual}, not {str(data[name])[:80]}")
    width, heads, layers = (whole(data, name) for name in ("d_model", "n_heads", "n_layers"))
    if data.get("d_head") not in (None, width // heads):
        raise BadInput(f"d_head must be d_model / n_heads = {width // heads}, not {data['d_head']}")
    scale = data.get("attn_scale")
    if scale not in (None, -1.0) and scale != (width // heads) ** 0.5:
        raise BadInput(f"attn_scale must be the root of d_head, not {str(scale)[:80]}")
    if data.get("rotary_dim") not in (None, width // heads):
        raise BadInput(f"rotary_dim must be d_head = {width // heads}, not {data['rotary_dim']}")
    if data.get("d_vocab_out") not in (None, -1, data.get("d_vocab")):
        raise BadInput(f"d_vocab_out must be d_vocab, not {str(data['d_vocab_out'])[:80]}")
    norm = str(data.get("normalization_type") or "none").removesuffix("Pre")
    positions = data.get("positional_embedding_type") or "standard"
    if norm not in ("LN", "RMS") or positions not in ("standard", "rotary"):
        raise BadInput(
            "normalization_type is LN or RMS and positional_embedding_type standard or rotary, "
            f"not {norm[:80]!r} and {str(positions)[:80]!r}"
        )
    if norm == "LN" and data.get("final_rms"):
        raise BadInput("final_rms must be False where the other norms are LN")
    context = whole(data, "n_ctx")
    activation = str(data.get("act_fn"))
    if activation not in ("gelu_new", "gelu", "silu", "relu"):
        raise BadInput(f"act_fn is gelu_new, gelu, silu or relu, not {activation[:80]!r}")
    return ModelConfig(
        d_model=width,
        n_layers=layers,
        n_heads=heads,
        d_vocab=whole(data, "d_vocab"),
        n_ctx=min(CONTEXT, context) if positions == "rotary" else context,
        mlp_width=whole(data, "d_mlp", 4 * width),
        tied=tied,
        attn_scale=data.get("use_attn_scale") is not False,
        local_window=_window(data, layers, context),
        eps=number(data, "eps", 1e-5),
        normalization_type="RMS" if norm == "RMS" else "LN",
        positional_embedding_type="rotary" if positions == "rotary" else "standard",
        rotary_base=number(data, "rotary_base", 10_000.0),
        act_fn=activation,  # type: ignore[arg-type]
        gated_mlp=data.get("gated_mlp") is True,
    )


def _window(data: Mapping[str, Any], layers: int, context: int) -> int | None:
    if not data.get("use_local_attn"):
        return None
    kinds = data.get("attn_types") or []
    if kinds == ["global"] * len(kinds):
        return None
    if kinds != ["local" if layer % 2 else "global" for layer in range(min(layers, 10_000))]:
        raise BadInput("attn_types must be global everywhere, or global and local in turn")
    return min(whole(data, "window_size"), context)


def is_tied(tensors: Tensors) -> bool:
    """Whether the unembedding is the embedding once more."""
    names = ("embed.W_E", "unembed.W_U")
    if any(len(tensors.shapes.get(name, ())) != 2 for name in names):
        return False
    if tensors.shapes["embed.W_E"] != tensors.shapes["unembed.W_U"][::-1]:
        return False
    return bool(torch.equal(tensors.read("embed.W_E"), tensors.read("unembed.W_U").T))


def sources_of(data: Mapping[str, Any], config: ModelConfig, tensors: Tensors) -> list[Source]:
    """Where each tensor goes. Raises `BadInput` where there are fewer tensors than layers."""
    if config.n_layers > len(tensors.shapes):
        raise BadInput(f"{config.n_layers} layers do not lie in {len(tensors.shapes)} tensors")
    with torch.device("meta"):
        views = {
            name: tuple(view.shape) for name, view in empty(config, "meta").named_views().items()
        }
    if config.tied:
        del views["unembed.W_U"]
    groups = whole(data, "n_key_value_heads", config.n_heads)
    times = repeated(config, groups)
    folded = str(data.get("normalization_type")).endswith("Pre")
    found = []
    for ours, shape in views.items():
        if folded and ours not in tensors.shapes and (".ln" in ours or ours.startswith("ln_final")):
            continue  # its gain is 1, its bias 0
        module, leaf = ours.rsplit(".", 1)
        if leaf in ("W_K", "W_V", "b_K", "b_V") and groups != config.n_heads:
            found.append(
                Source(
                    ours=ours,
                    name=f"{module}._{leaf}",
                    shape=(groups, *shape[1:]),
                    becomes=partial(_repeat, times=times),
                )
            )
        else:
            found.append(Source(ours=ours, name=ours, shape=shape, becomes=as_it_is))
    return found


def _repeat(tensor: Tensor, *, times: int) -> Tensor:
    return tensor.repeat_interleave(times, 0)
