"""Small random models as others save them, and their own answers."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from slm.stories.tokenizer import Tokenizer

os.environ.setdefault("HF_HUB_OFFLINE", "1")

Saved = tuple[Path, Any]
"""A folder, and the model whose weights lie there."""


def lively(model: Any) -> Any:
    """Random weights large enough that a mistake anywhere shows in the logits."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.15)
    return model.eval()


def transformers_model(kind: str, d_vocab: int, **changes: Any) -> Any:
    """A model of `transformers`: gpt2, gpt_neo, llama (grouped, untied) or llama-tied."""
    from transformers import (
        GPT2Config,
        GPT2LMHeadModel,
        GPTNeoConfig,
        GPTNeoForCausalLM,
        LlamaConfig,
        LlamaForCausalLM,
    )

    if kind == "gpt2":
        config = GPT2Config(
            vocab_size=d_vocab,
            n_embd=16,
            n_layer=2,
            n_head=4,
            n_positions=40,
            n_inner=40,
            bos_token_id=0,
            eos_token_id=0,
            **changes,
        )
        return lively(GPT2LMHeadModel(config))
    if kind == "gpt_neo":
        neo = GPTNeoConfig(
            vocab_size=d_vocab,
            hidden_size=16,
            num_layers=4,
            num_heads=4,
            max_position_embeddings=40,
            window_size=5,
            bos_token_id=0,
            eos_token_id=0,
            **{"attention_types": [[["global", "local"], 2]], **changes},
        )
        return lively(GPTNeoForCausalLM(neo))
    tied = kind == "llama-tied"
    llama = LlamaConfig(
        vocab_size=d_vocab,
        hidden_size=24,
        intermediate_size=44,
        num_hidden_layers=2,
        num_attention_heads=6,
        num_key_value_heads=6 if tied else 2,
        max_position_embeddings=40,
        rope_parameters={"rope_type": "default", "rope_theta": 700.0},
        tie_word_embeddings=tied,
        bos_token_id=0,
        eos_token_id=0,
        **{"attention_bias": not tied, **changes},
    )
    return lively(LlamaForCausalLM(llama))


@pytest.fixture
def save(tmp_path: Path, tokenizer: Tokenizer) -> Any:
    """Save a model as `transformers` does, with a tokenizer beside it."""

    def save(kind: str, *, pad: int = 0, changes: Any = None, **how: Any) -> Saved:
        model = transformers_model(kind, tokenizer.d_vocab + pad, **(changes or {}))
        folder = tmp_path / "theirs"
        model.save_pretrained(folder, **how)
        tokenizer.save(folder / "tokenizer.json")
        return folder, model

    return save
