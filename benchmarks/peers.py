"""The peers: the same shapes, and where it matters the same weights, in other people's code."""

import warnings
from typing import Any

import torch

from slm.model.config import ModelConfig
from slm.model.weights import Weights


def hooked_transformer(config: ModelConfig) -> Any:
    """TransformerLens' own model of this shape, freshly initialised."""
    from transformer_lens import HookedTransformer, HookedTransformerConfig

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return HookedTransformer(
            HookedTransformerConfig(
                d_model=config.d_model,
                n_layers=config.n_layers,
                n_heads=config.n_heads,
                d_head=config.d_head,
                d_mlp=config.d_mlp,
                n_ctx=config.n_ctx,
                d_vocab=config.d_vocab,
                act_fn="gelu_new",
                normalization_type="LN",
            )
        )


def gpt2(config: ModelConfig) -> Any:
    """transformers' GPT-2 of this shape, without dropout, with its fastest attention."""
    from transformers import GPT2Config, GPT2LMHeadModel

    shape: dict[str, Any] = dict(
        n_embd=config.d_model,
        n_layer=config.n_layers,
        n_head=config.n_heads,
        n_positions=config.n_ctx,
        vocab_size=config.d_vocab,
        attn_pdrop=0.0,
        embd_pdrop=0.0,
        resid_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
        attn_implementation="sdpa",
    )
    return GPT2LMHeadModel(GPT2Config(**shape))


@torch.no_grad()
def gpt2_of(weights: Weights, end: int) -> Any:
    """transformers' GPT-2 with our weights (it has no place for `b_U`, which stays behind)."""
    model = gpt2(weights.config).eval()
    body = model.transformer
    body.wte.weight.copy_(weights.W_E)
    body.wpe.weight.copy_(weights.W_pos)
    for theirs, ours in zip(body.h, weights.blocks, strict=True):
        for norm, w, b in (
            (theirs.ln_1, ours.ln1_w, ours.ln1_b),
            (theirs.ln_2, ours.ln2_w, ours.ln2_b),
            (theirs.attn.c_attn, ours.W_QKV, ours.b_QKV),
            (theirs.attn.c_proj, ours.W_O, ours.b_O),
            (theirs.mlp.c_fc, ours.W_in, ours.b_in),
            (theirs.mlp.c_proj, ours.W_out, ours.b_out),
        ):
            norm.weight.copy_(w)
            norm.bias.copy_(b)
    body.ln_f.weight.copy_(weights.ln_final_w)
    body.ln_f.bias.copy_(weights.ln_final_b)
    model.generation_config.eos_token_id = model.generation_config.pad_token_id = end
    return model
