"""The fast way: plain functions over the weights, read from top to bottom. No module state, no hooks.

Says the same as the hooked way within 1e-4, in logits and in gradients (`tests/model/test_fast.py`).
Safe in threads: nothing here is shared but the weights, which it only reads.
"""

from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from slm.model.config import ModelConfig
from slm.model.gradients import addmm_bfloat16, cross_entropy
from slm.model.weights import Weights

Addmm = Callable[[Tensor, Tensor, Tensor], Tensor]


class Taps:
    """Hands out exactly the activations asked for, under TransformerLens' hook names.

    Known: `blocks.L.hook_resid_pre|resid_mid|resid_post`, `blocks.L.attn.hook_q|k|v|z|pattern`,
    `blocks.L.mlp.hook_pre|post` and `ln_final.hook_normalized`. After the run they lie in `acts`.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = frozenset(names)
        self.acts: dict[str, Tensor] = {}

    def __call__(self, name: str, act: Tensor) -> None:
        """Keep `act` if it was asked for."""
        if name in self.names:
            self.acts[name] = act.detach()


class KVCache:
    """The keys and values of a batch of stories that grow one token at a time, each at its own length.

    Story b's key for position p lies in slot p, so rows of different lengths need no padding on the
    left and every token keeps its true position. What lies past a row's length is never looked at.
    `slots` is how long a story can become, n_ctx where it is not given.
    """

    def __init__(
        self,
        config: ModelConfig,
        batch: int,
        slots: int | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        slots = config.n_ctx if slots is None else slots
        size = (config.n_layers, batch, config.n_heads, slots, config.d_head)
        self.keys = torch.zeros(size, device=device)
        self.values = torch.zeros(size, device=device)
        self.lengths = torch.zeros(batch, dtype=torch.long, device=device)

    def drop(self, row: int) -> None:
        """Forget a story; the last one takes its row, so that nothing else has to move."""
        last = len(self.lengths) - 1
        if row != last:
            used = int(self.lengths[last])
            for kept in (self.keys, self.values):
                kept[:, row, :, :used] = kept[:, last, :, :used]
            self.lengths[row] = used
        self.lengths = self.lengths[:last]

    def attend(
        self,
        q: Float[Tensor, "batch head query d_head"],
        k: Float[Tensor, "batch head query d_head"],
        v: Float[Tensor, "batch head query d_head"],
        config: ModelConfig,
        layer: int,
    ) -> Float[Tensor, "batch head query d_head"]:
        """Store the new keys and values and attend over everything up to them.

        Either the cache is new (a whole prompt comes) or a single token comes for each row.
        """
        rows = torch.arange(len(self.lengths), device=q.device)
        keys, values = self.keys[layer, : len(rows)], self.values[layer, : len(rows)]
        if (pos := q.shape[2]) > 1:
            keys[:, :, :pos], values[:, :, :pos] = k, v
            return attend(q, k, v, config, layer)
        keys[rows, :, self.lengths], values[rows, :, self.lengths] = k[:, :, 0], v[:, :, 0]
        end = int(self.lengths.max()) + 1
        slot = torch.arange(end, device=q.device)
        visible = slot <= self.lengths[:, None]
        if (window := config.window(layer)) is not None:
            visible &= slot > self.lengths[:, None] - window
        mask = None if bool(visible.all()) else visible[:, None, None, :]
        return F.scaled_dot_product_attention(
            q, keys[:, :, :end], values[:, :, :end], attn_mask=mask, scale=_scale(config)
        )


def hidden(
    weights: Weights,
    tokens: Int[Tensor, "batch pos"],
    *,
    cache: KVCache | None = None,
    taps: Taps | None = None,
    addmm: Addmm = torch.addmm,
) -> Float[Tensor, "batch pos d_model"]:
    """Run the blocks and the final LayerNorm (TransformerLens' `ln_final` output).

    With a cache, `tokens` go on where each row's cached story ended; the caller then adds to
    `cache.lengths` what it wrote (`prefill` and `step` do). `addmm` computes the blocks' products;
    the residual stream, the norms and attention stay in float32 whatever it returns.
    """
    config = weights.config
    batch, pos = tokens.shape
    tap = taps or Taps()
    d, heads, d_head = config.d_model, config.n_heads, config.d_head

    where = torch.arange(pos, device=tokens.device)
    if cache is not None:
        where = cache.lengths[:, None] + where
    x = F.embedding(tokens, weights.W_E) + F.embedding(where, weights.W_pos)

    for layer, block in enumerate(weights.blocks):
        at = f"blocks.{layer}"
        tap(f"{at}.hook_resid_pre", x)
        normed = F.layer_norm(x, (d,), block.ln1_w, block.ln1_b, config.eps)
        qkv = addmm(block.b_QKV, normed.view(-1, d), block.W_QKV).to(x.dtype)
        q, k, v = qkv.view(batch, pos, 3, heads, d_head).permute(2, 0, 3, 1, 4)
        z = (cache.attend if cache else attend)(q, k, v, config, layer)
        if tap.names:
            for name, act in (("q", q), ("k", k), ("v", v), ("z", z)):
                tap(f"{at}.attn.hook_{name}", act.transpose(1, 2))
            if f"{at}.attn.hook_pattern" in tap.names:
                tap(f"{at}.attn.hook_pattern", pattern(q, k, config, layer))
        z = z.transpose(1, 2).reshape(-1, d)
        x = x + addmm(block.b_O, z, block.W_O).view(batch, pos, d)
        tap(f"{at}.hook_resid_mid", x)
        normed = F.layer_norm(x, (d,), block.ln2_w, block.ln2_b, config.eps)
        pre = addmm(block.b_in, normed.view(-1, d), block.W_in)
        post = F.gelu(pre, approximate="tanh")
        tap(f"{at}.mlp.hook_pre", pre.view(batch, pos, -1))
        tap(f"{at}.mlp.hook_post", post.view(batch, pos, -1))
        x = x + addmm(block.b_out, post, block.W_out).view(batch, pos, d)
        tap(f"{at}.hook_resid_post", x)

    final = F.layer_norm(x, (d,), weights.ln_final_w, weights.ln_final_b, config.eps)
    tap("ln_final.hook_normalized", final)
    return final


def unembed(weights: Weights, final: Float[Tensor, "*at d_model"]) -> Float[Tensor, "*at d_vocab"]:
    """Logits of final activations."""
    return F.linear(final, weights.unembed, weights.b_U)


def logits(
    weights: Weights, tokens: Int[Tensor, "batch pos"], *, taps: Taps | None = None
) -> Float[Tensor, "batch pos d_vocab"]:
    """Logits for the token after each position."""
    return unembed(weights, hidden(weights, tokens, taps=taps))


def loss(
    weights: Weights, rows: Int[Tensor, "batch pos_plus_one"], dtype: torch.dtype = torch.float32
) -> Float[Tensor, ""]:
    """Mean cross-entropy in nats per token of every token of `rows` but the first of each.

    `dtype` is what products are computed in: float32, or bfloat16 to train faster.
    """
    addmm = addmm_bfloat16 if dtype == torch.bfloat16 else torch.addmm
    final = hidden(weights, rows[:, :-1], addmm=addmm).reshape(-1, weights.config.d_model)
    return cross_entropy(final, weights.unembed, weights.b_U, rows[:, 1:].reshape(-1), dtype)


def prefill(
    weights: Weights,
    tokens: Int[Tensor, "batch pos"],
    lengths: Int[Tensor, "batch"],
    slots: int | None = None,
) -> tuple[KVCache, Float[Tensor, "batch d_vocab"]]:
    """Read prompts (row b holds `lengths[b]` tokens, then anything); logits for what comes next.

    The cache has room for stories of `slots` tokens, n_ctx where it is not given.
    """
    cache = KVCache(weights.config, len(tokens), slots, tokens.device)
    final = hidden(weights, tokens, cache=cache)
    cache.lengths = lengths.clone()
    return cache, unembed(weights, final[torch.arange(len(tokens)), lengths - 1])


def step(
    weights: Weights, tokens: Int[Tensor, "batch"], cache: KVCache
) -> Float[Tensor, "batch d_vocab"]:
    """Add one token to each cached story; logits for the one after it."""
    final = hidden(weights, tokens[:, None], cache=cache)
    cache.lengths = cache.lengths + 1
    return unembed(weights, final[:, 0])


def attend(
    q: Float[Tensor, "batch head pos d_head"],
    k: Float[Tensor, "batch head pos d_head"],
    v: Float[Tensor, "batch head pos d_head"],
    config: ModelConfig,
    layer: int,
) -> Float[Tensor, "batch head pos d_head"]:
    """Causal attention of whole stories, within the layer's window if it has one."""
    scale = _scale(config)
    if config.window(layer) is None:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale)
    mask = visible(q.shape[2], config.window(layer), q.device)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)


def pattern(
    q: Float[Tensor, "batch head pos d_head"],
    k: Float[Tensor, "batch head pos d_head"],
    config: ModelConfig,
    layer: int,
) -> Float[Tensor, "batch head query key"]:
    """The attention pattern, which `attend` never writes down. Rows sum to 1."""
    scores = (q @ k.transpose(-1, -2)) * _scale(config)
    mask = visible(q.shape[2], config.window(layer), q.device)
    return scores.masked_fill(~mask, float("-inf")).softmax(-1)


def visible(pos: int, window: int | None, device: torch.device) -> Bool[Tensor, "pos pos"]:
    """Which keys (columns) each query (row) may see."""
    there = torch.ones(pos, pos, dtype=torch.bool, device=device).tril()
    return there if window is None else there & ~there.tril(-window)


def _scale(config: ModelConfig) -> float:
    return config.d_head**-0.5 if config.attn_scale else 1.0
