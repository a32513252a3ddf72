"""Every field that may change what a model computes is known, or refused by its name."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from slm.errors import BadInput
from slm.importing.formats import huggingface, transformer_lens
from slm.model.config import ModelConfig
from tests.importing.conftest import lively

GPT2 = {"model_type": "gpt2", "vocab_size": 500, "n_embd": 16, "n_layer": 2, "n_head": 4}
GPT_NEO = {
    "model_type": "gpt_neo",
    "vocab_size": 500,
    "hidden_size": 16,
    "num_layers": 2,
    "num_heads": 4,
}
LLAMA = {
    "model_type": "llama",
    "vocab_size": 500,
    "hidden_size": 24,
    "intermediate_size": 44,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
}
LENS = {
    "d_model": 16,
    "n_layers": 2,
    "n_heads": 4,
    "d_vocab": 500,
    "n_ctx": 40,
    "act_fn": "gelu",
    "normalization_type": "LN",
}


def of_lens(data: dict[str, Any]) -> ModelConfig:
    return transformer_lens.config_of(data, tied=False)


Reader = Callable[[dict[str, Any]], ModelConfig]
KINDS: dict[str, tuple[Reader, dict[str, Any]]] = {
    "gpt2": (huggingface.config_of, GPT2),
    "gpt_neo": (huggingface.config_of, GPT_NEO),
    "llama": (huggingface.config_of, LLAMA),
    "TransformerLens": (of_lens, LENS),
}
VALUES = (
    some.booleans()
    | some.integers()
    | some.floats(allow_nan=False)
    | some.text(min_size=1, max_size=9)
)


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)
@given(name=some.text(min_size=1, max_size=30), value=VALUES)
def test_a_field_that_is_not_known_is_refused_by_its_name(kind: str, name: str, value: Any) -> None:
    read, data = KINDS[kind]
    known = transformer_lens.KNOWN if kind == "TransformerLens" else huggingface.KNOWN[kind]
    if name in known.read | known.without_effect | set(known.only):
        return
    with pytest.raises(BadInput, match="is no field that is known here") as caught:
        read(data | {name: value})
    assert "\n" not in str(caught.value)
    assert read(data | {name: None}) == read(data | {name: []}) == read(data)


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)
@given(data=some.data())
def test_a_field_that_is_not_computed_has_only_the_values_that_change_nothing(
    kind: str, data: some.DataObject
) -> None:
    read, whole = KINDS[kind]
    known = transformer_lens.KNOWN if kind == "TransformerLens" else huggingface.KNOWN[kind]
    name = data.draw(some.sampled_from(sorted(known.only)))
    value = data.draw(VALUES | some.lists(some.booleans(), min_size=1, max_size=2))
    if value in known.only[name]:
        assert read(whole | {name: value}) == read(whole)
    else:
        with pytest.raises(BadInput, match=f"{name} must be "):
            read(whole | {name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("attn_scores_soft_cap", 3.0),
        ("output_logits_soft_cap", 3.0),
        ("rotary_scaling_factor", 4.0),
        ("rotary_base_local", 500),
        ("clip_qkv", 0.2),
        ("use_logn_attn", True),
        ("use_attention_sinks", True),
        ("original_architecture", "Olmo2ForCausalLM"),
        ("quantization_method", "mxfp4"),
        ("final_rms", True),
        ("attn_scale", 8.0),
        ("act_fn", "solu_ln"),
        ("use_attn_scale", "no"),
        ("attention_dir", "bidirectional"),
    ],
)
def test_what_transformerlens_computes_otherwise_is_refused_with_its_value(
    name: str, value: Any
) -> None:
    with pytest.raises(BadInput, match=name) as caught:
        of_lens(LENS | {name: value})
    assert name == "final_rms" or str(value).strip("'") in str(caught.value)


def test_local_attention_that_names_no_layers_is_refused() -> None:
    with pytest.raises(BadInput, match="attn_types must be"):
        of_lens(LENS | {"use_local_attn": True, "window_size": 4})


def test_every_field_of_transformerlens_own_configuration_is_known() -> None:
    from transformer_lens import HookedTransformerConfig

    fields = {field.name for field in dataclasses.fields(HookedTransformerConfig)}
    assert fields <= transformer_lens.KNOWN.read | transformer_lens.KNOWN.without_effect | set(
        transformer_lens.KNOWN.only
    )


ALTERED = {
    "default_prepend_bos": False,
    "init_mode": "xavier_uniform",
    "initializer_range": 3.0,
    "use_attn_result": True,
    "use_split_qkv_input": True,
    "use_hook_mlp_in": True,
    "use_attn_in": True,
    "use_hook_tokens": True,
    "layer_norm_folding": True,
    "uses_rms_norm": True,
    "tie_word_embeddings": True,
    "train_seq_length": 3,
    "NTK_by_parts_low_freq_factor": 3.0,
    "NTK_by_parts_high_freq_factor": 9.0,
    "NTK_by_parts_factor": 2.0,
    "NTK_original_ctx_len": 3,
    "yarn_factor": 3.0,
    "yarn_attention_factor": 3.0,
    "yarn_beta_fast": 3.0,
    "yarn_beta_slow": 3.0,
    "yarn_original_max_position_embeddings": 3,
    "yarn_truncate": False,
    "yarn_global_attn_only": True,
    "norm_topk_prob": True,
    "relative_attention_max_distance": 3,
    "decoder_start_token_id": 3,
    "model_name": "theirs",
    "tokenizer_prepends_bos": True,
    "checkpoint_value": 3,
    "seed": 7,
}


@pytest.mark.parametrize("positions", ["rotary", "standard"])
def test_fields_without_effect_have_none_in_transformerlens(positions: str) -> None:
    import torch
    from transformer_lens import HookedTransformer, HookedTransformerConfig

    base = {
        "d_model": 16,
        "n_layers": 2,
        "n_heads": 4,
        "d_head": 4,
        "d_vocab": 50,
        "n_ctx": 40,
        "act_fn": "gelu",
        "normalization_type": "LN",
        "positional_embedding_type": positions,
        "device": "cpu",
    }
    original = lively(HookedTransformer(HookedTransformerConfig(**base)))
    tokens = torch.randint(0, 50, (2, 30), generator=torch.Generator().manual_seed(0))
    logits = original(tokens)
    for name, value in ALTERED.items():
        assert name in transformer_lens.KNOWN.without_effect
        other = HookedTransformer(HookedTransformerConfig(**base | {name: value})).eval()
        other.load_state_dict(original.state_dict())
        assert float((other(tokens) - logits).detach().abs().max()) < 1e-5, name


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("gpt2", "scale_attn_by_inverse_layer_idx", True),
        ("gpt2", "quantization_config", {"quant_method": "fp8"}),
        ("gpt2", "auto_map", {"AutoModel": "theirs.Model"}),
        ("gpt2", "architectures", ["GPT2WithSinks"]),
        ("gpt2", "pruned_heads", {"0": [1]}),
        ("gpt2", "scale_attn_weights", None),
        ("gpt2", "activation_function", "quick_gelu"),
        ("gpt_neo", "is_causal", False),
        ("gpt_neo", "tie_word_embeddings", "false"),
        ("llama", "mlp_bias", True),
        ("llama", "attention_bias", 1),
        ("llama", "sliding_window", 16),
        ("llama", "use_qk_norm", True),
        ("llama", "partial_rotary_factor", 0.5),
        ("llama", "layer_types", ["full_attention", "sliding_attention"]),
        ("llama", "rope_scaling", {"rope_type": "linear", "factor": 4.0}),
        ("llama", "rope_scaling", {"rope_type": "default", "partial_rotary_factor": 0.5}),
        ("llama", "rope_parameters", {"full_attention": {"rope_type": "default"}}),
        ("llama", "rope_interleaved", True),
        ("llama", "final_logit_softcapping", 30.0),
        ("llama", "logit_scale", 0.5),
    ],
)
def test_what_a_config_json_says_otherwise_is_refused(kind: str, name: str, value: Any) -> None:
    scaled = name in ("rope_scaling", "rope_parameters")
    rule = "rotary positions|partial_rotary|'full_attention'" if scaled else name
    with pytest.raises(BadInput, match=rule):
        huggingface.config_of(KINDS[kind][1] | {name: value})


def test_two_rotary_bases_that_differ_are_refused() -> None:
    with pytest.raises(BadInput, match="rope_theta must be one number"):
        huggingface.config_of(
            LLAMA | {"rope_theta": 500.0, "rope_parameters": {"rope_theta": 700.0}}
        )
    same = huggingface.config_of(
        LLAMA | {"rope_theta": 700.0, "rope_parameters": {"rope_theta": 700.0}}
    )
    assert same.rotary_base == 700.0


OLDER = {
    "gpt2": {
        "_name_or_path": "theirs",
        "architectures": ["GPT2LMHeadModel"],
        "attn_pdrop": 0.1,
        "bos_token_id": 0,
        "n_ctx": 1024,
        "n_positions": 1024,
        "output_past": True,
        "predict_special_tokens": True,
        "reorder_and_upcast_attn": True,
        "summary_type": "cls_index",
        "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 50}},
        "torch_dtype": "float32",
        "transformers_version": "4.28.1",
    },
    "gpt_neo": {
        "activation_function": "gelu_new",
        "architectures": ["GPTNeoForCausalLM"],
        "attention_dropout": 0,
        "attention_layers": ["global", "local"],
        "attention_types": [[["global", "local"], 1]],
        "embed_dropout": 0,
        "gradient_checkpointing": False,
        "intermediate_size": None,
        "layer_norm_epsilon": 1e-05,
        "max_position_embeddings": 2048,
        "resid_dropout": 0,
        "summary_first_dropout": 0.1,
        "tokenizer_class": "GPT2Tokenizer",
        "torch_dtype": "float32",
        "transformers_version": "4.28.1",
        "use_cache": True,
        "window_size": 256,
    },
    "llama": {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "hidden_act": "silu",
        "initializer_range": 0.02,
        "is_llama_config": True,
        "max_position_embeddings": 256,
        "pretraining_tp": 1,
        "rms_norm_eps": 1e-05,
        "rope_interleaved": False,
        "rope_scaling": None,
        "rope_theta": 10000.0,
        "transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16"}},
        "use_cache": True,
    },
}


@pytest.mark.parametrize("kind", OLDER)
def test_the_fields_that_transformers_writes_are_known(kind: str) -> None:
    from transformers import AutoConfig

    small = KINDS[kind][1]
    huggingface.config_of(small | OLDER[kind])
    settings = {name: value for name, value in small.items() if name != "model_type"}
    if kind == "gpt_neo":
        settings["attention_types"] = [[["global", "local"], 1]]
    huggingface.config_of(AutoConfig.for_model(kind, **settings).to_dict())
