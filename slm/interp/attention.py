"""Attention patterns of one story."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from slm.errors import BadInput
from slm.model import functional
from slm.runs import Address, Checkpoint


@dataclass(frozen=True, kw_only=True, eq=False)
class AttentionView:
    """Every head's pattern on one story: `pattern[layer, head, query, key]`, rows summing to 1.

    The token at `query` looks at the token at `key`. Position 0 is END, which opens the story.
    `value_norm[layer, head, key]` is the size (Euclidean norm) of what a head would write into the
    residual stream if it looked at `key` alone: the value there times W_O, without biases.
    `bos_attention[layer, head]` is the share of attention that the first token takes, averaged over all
    later positions; it stays what it was when the first token is hidden.
    """

    address: Address
    tokens: tuple[int, ...]
    str_tokens: tuple[str, ...]
    pattern: Float[np.ndarray, "layer head query key"]
    value_norm: Float[np.ndarray, "layer head key"]
    bos_attention: Float[np.ndarray, "layer head"]

    def without_first(self) -> "AttentionView":
        """Hide the first token: its column is set to 0 and each later row sums to 1 again.

        A row with nothing else to look at (the first) becomes all 0.
        """
        pattern = self.pattern.copy()
        pattern[..., 0] = 0.0
        return replace(self, pattern=_rows_to_one(pattern))

    def value_weighted(self) -> "AttentionView":
        """Weigh each look by the size of what it moves, each row scaled to sum to 1.

        Attention to a token whose value is small moves little: a row becomes pattern x value_norm, the
        norm-based weight of Kobayashi et al. (2020), "Attention is Not Only a Weight".
        """
        return replace(self, pattern=_rows_to_one(self.pattern * self.value_norm[:, :, None, :]))

    def heads(self) -> Iterator[tuple[int, int]]:
        """Yield every (layer, head)."""
        layers, heads = self.pattern.shape[:2]
        return ((layer, head) for layer in range(layers) for head in range(heads))

    def rows(self, layer: int, head: int) -> Iterator[tuple[int, str, int, str, float]]:
        """Yield a head's pattern as (query position, token, key position, token, attention)."""
        pattern, names = self.pattern[layer, head], self.str_tokens
        return (
            (query, names[query], key, names[key], float(pattern[query, key]))
            for query in range(len(names))
            for key in range(query + 1)
        )

    def argmax_keys(self, layer: int, head: int) -> list[tuple[int, int]]:
        """Return (query position, key position with the most attention) of a head."""
        return list(enumerate(self.pattern[layer, head].argmax(-1).tolist()))

    def to_json(self) -> dict[str, Any]:
        """Return every head's pattern as plain values."""
        return {
            "address": str(self.address),
            "str_tokens": list(self.str_tokens),
            "tokens": list(self.tokens),
            "pattern": self.pattern.round(5).tolist(),
            "axes": ["layer", "head", "query", "key"],
        }


@torch.no_grad()
def attention(checkpoint: Checkpoint, text: str) -> AttentionView:
    """Read a story and keep every head's pattern.

    Raises `BadInput` where the text is empty or does not fit the context.
    """
    config, tokens = checkpoint.config, checkpoint.tokenizer.encode_story(text)
    if len(tokens) < 2:
        raise BadInput("a text to look at needs at least one token")
    if len(tokens) > config.n_ctx:
        raise BadInput(
            f"a text must fit the context of {config.n_ctx} tokens, not take {len(tokens)}"
        )
    cache = functional.ActivationCache(
        f"blocks.{layer}.attn.hook_{name}"
        for layer in range(config.n_layers)
        for name in ("pattern", "v")
    )
    functional.hidden(checkpoint.weights, torch.tensor([tokens]), hook=cache)
    patterns, value_norm = [], []
    for layer, block in enumerate(checkpoint.weights.blocks):
        patterns.append(cache[f"blocks.{layer}.attn.hook_pattern"][0])
        v = cache[f"blocks.{layer}.attn.hook_v"][0]
        W_O = block.W_O.view(config.n_heads, config.d_head, config.d_model)
        value_norm.append(torch.einsum("khd,hdm->hkm", v, W_O).norm(dim=-1))
    pattern = torch.stack(patterns).numpy()
    return AttentionView(
        address=checkpoint.address,
        tokens=tuple(tokens),
        str_tokens=tuple(checkpoint.tokenizer.to_str_tokens(tokens)),
        pattern=pattern,
        value_norm=torch.stack(value_norm).numpy(),
        bos_attention=pattern[:, :, 1:, 0].mean(-1),
    )


def _rows_to_one(
    weights: Float[np.ndarray, "layer head query key"],
) -> Float[np.ndarray, "layer head query key"]:
    """Scale each row to sum to 1; a row of zeros stays one."""
    total = weights.sum(-1, keepdims=True)
    return np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
