"""Where each head looks: the attention patterns of one story."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from slm.errors import BadInput
from slm.model.hooked import hooked, run_with_cache
from slm.runs import Address, Checkpoint

HOOK = "blocks.{layer}.attn.hook_pattern"


@dataclass(frozen=True, kw_only=True, eq=False)
class AttentionView:
    """Every head's pattern on one story: `pattern[layer, head, query, key]`, rows summing to 1.

    The token at `query` looks at the token at `key`. Position 0 is END, which opens the story.
    `soaked[layer, head]` is the share of attention that the first token takes, averaged over all
    later positions; it stays what it was when the first token is hidden.
    """

    address: Address
    tokens: tuple[int, ...]
    pieces: tuple[str, ...]
    pattern: Float[np.ndarray, "layer head query key"]
    soaked: Float[np.ndarray, "layer head"]

    def without_first(self) -> "AttentionView":
        """Hide the first token: its column is set to 0 and each later row sums to 1 again.

        A row with nothing else to look at (the first) becomes all 0.
        """
        pattern = self.pattern.copy()
        pattern[..., 0] = 0.0
        total = pattern.sum(-1, keepdims=True)
        pattern = np.divide(pattern, total, out=np.zeros_like(pattern), where=total > 0)
        return replace(self, pattern=pattern)

    def heads(self) -> Iterator[tuple[int, int]]:
        """Every (layer, head)."""
        layers, heads = self.pattern.shape[:2]
        return ((layer, head) for layer in range(layers) for head in range(heads))

    def looks_most_at(self, layer: int, head: int) -> list[tuple[int, int]]:
        """For each query position, the key position that gets most attention."""
        return list(enumerate(self.pattern[layer, head].argmax(-1).tolist()))


def attention(checkpoint: Checkpoint, text: str) -> AttentionView:
    """Run the hooked model on a story and keep every pattern.

    Raises `BadInput` where the text is empty or does not fit the context.
    """
    tokens = checkpoint.tokenizer.encode_story(text)
    n_ctx, n_layers = checkpoint.config.n_ctx, checkpoint.config.n_layers
    if len(tokens) < 2:
        raise BadInput("a text to look at needs at least one token")
    if len(tokens) > n_ctx:
        raise BadInput(f"a text must fit the context of {n_ctx} tokens, not take {len(tokens)}")
    names = [HOOK.format(layer=layer) for layer in range(n_layers)]
    _, cache = run_with_cache(hooked(checkpoint.weights), torch.tensor([tokens]), names)
    stacked: Tensor = torch.stack([cache[name][0] for name in names])
    pattern = stacked.float().cpu().numpy()
    return AttentionView(
        address=checkpoint.address,
        tokens=tuple(tokens),
        pieces=tuple(checkpoint.tokenizer.pieces(tokens)),
        pattern=pattern,
        soaked=pattern[:, :, 1:, 0].mean(-1),
    )
