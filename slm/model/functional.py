"""Compute the forward pass as plain functions of the weights, with forward hooks and a KV cache.

Equal to TransformerLens' HookedTransformer (`slm.model.hooked`) within 1e-4, in logits and in gradients
(`tests/model/test_functional.py`). Safe in threads: nothing is shared but the weights, which are only read.
"""

from collections.abc import Callable, Iterable
from functools import cache, lru_cache, partial

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from slm.model.autograd import addmm_bfloat16, cross_entropy
from slm.model.config import ModelConfig
from slm.model.weights import Block, Weights

Addmm = Callable[[Tensor, Tensor, Tensor], Tensor]
"""bias [out], x [row, in], matrix [in, out] -> [row, out], as `torch.addmm`."""
Act = Tensor | Callable[[], Tensor]
"""An activation, or a function that computes one the forward pass does not need (the attention pattern)."""
ForwardHook = Callable[[str, Act], None]
"""Called with the name of every activation and the activation; only reads."""
InterventionFn = Callable[[str, Tensor], Tensor]
"""Given `blocks.L.attn.hook_z` [batch pos head d_head] or `blocks.L.mlp.hook_post` [batch pos d_mlp],
returns the activation that replaces it, of the same shape."""
Attend = Callable[[Tensor, Tensor, Tensor, ModelConfig, int], Tensor]
"""q, k, v [batch, head, pos, d_head] of a layer -> z, of q's shape."""
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu_new": partial(F.gelu, approximate="tanh"),
    "gelu": F.gelu,
    "silu": F.silu,
    "relu": F.relu,
}
"""Activation functions of the MLP, under TransformerLens' names."""

SLOT_MULTIPLE = 16
"""Attention over a multiple of so many slots sums them in one order, however many masked slots follow:
as many float32 as the widest register holds."""
INVARIANT_ROWS = 4
"""From so many rows on a row of a product does not depend on their number; for fewer rows the libraries
choose other kernels, which sum in another order."""


def addmm_batch_invariant(
    bias: Float[Tensor, "out"], x: Float[Tensor, "row in"], matrix: Float[Tensor, "in out"]
) -> Float[Tensor, "row out"]:
    """Compute `torch.addmm` so that no row depends on their number, to the last bit (on a CPU)."""
    if len(x) >= INVARIANT_ROWS:
        return torch.addmm(bias, x, matrix)
    return torch.addmm(bias, torch.cat((x,) * INVARIANT_ROWS), matrix)[: len(x)]


def padded_slots(length: int) -> int:
    """Round a length up to a multiple of `SLOT_MULTIPLE`."""
    return -(-length // SLOT_MULTIPLE) * SLOT_MULTIPLE


class ActivationCache(dict[str, Tensor]):
    """Keep the activations called `names`, under TransformerLens' hook names; pass it as `hook`.

    Known: `blocks.L.hook_resid_pre|resid_mid|resid_post`, `blocks.L.attn.hook_q|k|v|z|pattern`,
    `blocks.L.mlp.hook_pre|post` and `ln_final.hook_normalized`. With rotary positions `hook_rot_q` and
    `hook_rot_k` are `hook_q` and `hook_k` after the rotation; the `hook_post` of a gated MLP is
    act(`hook_pre`) times the linear half.
    """

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__()
        self.names = frozenset(names)

    def __call__(self, name: str, act: Act) -> None:
        """Keep `act`, detached, if its name was asked for."""
        if name in self.names:
            self[name] = (act if isinstance(act, Tensor) else act()).detach()


def no_hook(name: str, act: Act) -> None:
    """Keep nothing: the forward hook that is never called."""


def identity(name: str, act: Tensor) -> Tensor:
    """Return the activation as it is: the intervention that is never called."""
    return act


class KVCache:
    """Keep keys and values [layer row head slot d_head] of sequences that grow one token at a time.

    The key of position p of sequence b lies in slot p of row b, so sequences of different lengths need no
    padding on the left and every token keeps its true position. Slots past a row's length are masked.
    There is room for `rows` sequences of `slots` tokens (n_ctx where it is not given). A sequence's
    attention does not depend on the others, to the last bit (on a CPU).
    """

    def __init__(
        self,
        config: ModelConfig,
        rows: int,
        slots: int | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        slots = padded_slots(config.n_ctx if slots is None else slots)
        size = (config.n_layers, rows, config.n_heads, slots, config.d_head)
        self.keys = torch.zeros(size, device=device)
        self.values = torch.zeros(size, device=device)
        self.lengths = torch.zeros(0, dtype=torch.long, device=device)

    def __len__(self) -> int:
        """Count the sequences."""
        return len(self.lengths)

    def append(self, lengths: Int[Tensor, "new"]) -> slice:
        """Add sequences whose prompts have these lengths; return their rows."""
        rows = slice(len(self), len(self) + len(lengths))
        self.lengths = torch.cat([self.lengths, lengths.to(self.lengths)])
        return rows

    def drop(self, row: int) -> None:
        """Remove a sequence; the last one takes its row, so that no other moves."""
        last = len(self) - 1
        if row != last:
            used = int(self.lengths[last])
            for kept in (self.keys, self.values):
                kept[:, row, :, :used] = kept[:, last, :, :used]
            self.lengths[row] = used
        self.lengths = self.lengths[:last]

    def reorder(self, rows: Int[Tensor, "new"]) -> None:
        """Let row i hold what row `rows[i]` held (beam search); a row may be taken twice, or not at all."""
        longest = int(self.lengths.max())
        for kept in (self.keys, self.values):
            kept[:, : len(rows), :, :longest] = kept[:, rows, :, :longest]
        self.lengths = self.lengths[rows]

    def prefill_attention(self, rows: Int[Tensor, "new"]) -> Attend:
        """Return the attention of whole prompts, which stores their keys and values in `rows`."""

        def attend_and_store(
            q: Tensor, k: Tensor, v: Tensor, config: ModelConfig, layer: int
        ) -> Tensor:
            self.keys[layer, rows, :, : k.shape[2]] = k
            self.values[layer, rows, :, : v.shape[2]] = v
            return attend(q, k, v, config, layer)

        return attend_and_store

    def decode_attention(self) -> Attend:
        """Return the attention of one new token a sequence, which stores its key and value."""
        lengths = self.lengths.tolist()
        count, length = len(lengths), max(lengths)
        alike, end = min(lengths) == length, padded_slots(length + 1)
        slot = torch.arange(end, device=self.lengths.device)
        rows = torch.arange(count, device=self.lengths.device)
        causal = slot <= self.lengths[:, None]

        @cache
        def additive_mask(window: int | None) -> Float[Tensor, "row 1 1 slot"] | None:
            """Return what is added to the scores, -inf where masked; None where nothing is masked."""
            if alike and length + 1 == end and window is None:
                return None
            mask = causal if window is None else causal & (slot > self.lengths[:, None] - window)
            zeros = torch.zeros(mask.shape, device=mask.device)
            return zeros.masked_fill_(~mask, float("-inf"))[:, None, None]

        def store_and_attend(
            q: Tensor, k: Tensor, v: Tensor, config: ModelConfig, layer: int
        ) -> Tensor:
            keys, values = self.keys[layer, :count], self.values[layer, :count]
            if alike:
                keys[:, :, length], values[:, :, length] = k[:, :, 0], v[:, :, 0]
            else:
                keys[rows, :, self.lengths], values[rows, :, self.lengths] = k[:, :, 0], v[:, :, 0]
            mask = additive_mask(config.window(layer))
            return F.scaled_dot_product_attention(
                q, keys[:, :, :end], values[:, :, :end], attn_mask=mask, scale=_scale(config)
            )

        return store_and_attend


def attend(
    q: Float[Tensor, "batch head pos d_head"],
    k: Float[Tensor, "batch head pos d_head"],
    v: Float[Tensor, "batch head pos d_head"],
    config: ModelConfig,
    layer: int,
) -> Float[Tensor, "batch head pos d_head"]:
    """Compute causal attention of whole sequences, within the layer's window if it has one."""
    if config.window(layer) is None:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=_scale(config))
    return masked_attention(
        q, k, v, causal_mask(q.shape[2], config.window(layer), q.device), config
    )


def masked_attention(
    q: Float[Tensor, "batch head query d_head"],
    k: Float[Tensor, "batch head key d_head"],
    v: Float[Tensor, "batch head key d_head"],
    mask: Bool[Tensor, "query key"],
    config: ModelConfig,
) -> Float[Tensor, "batch head query d_head"]:
    """Compute attention of each query to the keys where `mask` is true."""
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=_scale(config))


def hidden(
    weights: Weights,
    tokens: Int[Tensor, "batch pos"],
    *,
    positions: Int[Tensor, "#batch pos"] | None = None,
    attend: Attend = attend,
    hook: ForwardHook = no_hook,
    intervention: InterventionFn = identity,
    addmm: Addmm = torch.addmm,
) -> Float[Tensor, "batch pos d_model"]:
    """Compute the final normalised residual stream (TransformerLens' `ln_final.hook_normalized`).

    `positions` default to 0, 1, 2, … `addmm` computes the blocks' products; the residual stream, the
    norms and attention stay in float32 whatever it returns.
    """
    x = embed(weights, tokens, positions)
    for layer in range(weights.config.n_layers):
        x = add_attention(
            weights,
            layer,
            x,
            positions=positions,
            attend=attend,
            hook=hook,
            intervention=intervention,
            addmm=addmm,
        )
        x = add_mlp(weights, layer, x, hook=hook, intervention=intervention, addmm=addmm)
    return ln_final(weights, x, hook=hook)


def embed(
    weights: Weights,
    tokens: Int[Tensor, "batch pos"],
    positions: Int[Tensor, "#batch pos"] | None = None,
) -> Float[Tensor, "batch pos d_model"]:
    """Compute the first residual stream: token embeddings, plus learned position embeddings."""
    if weights.W_pos is None:
        return F.embedding(tokens, weights.W_E)
    if positions is None:
        return F.embedding(tokens, weights.W_E) + weights.W_pos[: tokens.shape[1]]
    return F.embedding(tokens, weights.W_E) + F.embedding(positions, weights.W_pos)


def add_attention(
    weights: Weights,
    layer: int,
    x: Float[Tensor, "batch pos d_model"],
    *,
    positions: Int[Tensor, "#batch pos"] | None = None,
    attend: Attend = attend,
    hook: ForwardHook = no_hook,
    intervention: InterventionFn = identity,
    addmm: Addmm = torch.addmm,
) -> Float[Tensor, "batch pos d_model"]:
    """Add a layer's attention output to the residual stream (`hook_resid_pre` to `hook_resid_mid`)."""
    config, block, at = weights.config, weights.blocks[layer], f"blocks.{layer}"
    (batch, pos, d), heads = x.shape, config.n_heads
    hook(f"{at}.hook_resid_pre", x)
    normed = _norm(config, x, block.ln1_w, block.ln1_b)
    qkv = addmm(block.b_QKV, normed.view(-1, d), block.W_QKV).to(x.dtype)
    q, k, v = qkv.view(batch, pos, 3, heads, config.d_head).permute(2, 0, 3, 1, 4)
    acts = [("q", q), ("k", k), ("v", v)]
    if config.rotary:
        q, k = apply_rotary(q, config, positions), apply_rotary(k, config, positions)
        acts += [("rot_q", q), ("rot_k", k)]
    z = attend(q, k, v, config, layer)
    if intervention is not identity:
        z = intervention(f"{at}.attn.hook_z", z.transpose(1, 2)).transpose(1, 2)
    if hook is not no_hook:
        for name, act in (*acts, ("z", z)):
            hook(f"{at}.attn.hook_{name}", act.transpose(1, 2))
        hook(f"{at}.attn.hook_pattern", lambda: attention_pattern(q, k, config, layer))
    out = addmm(block.b_O, z.transpose(1, 2).reshape(-1, d), block.W_O)
    return x + out.view(batch, pos, d)


def add_mlp(
    weights: Weights,
    layer: int,
    x: Float[Tensor, "batch pos d_model"],
    *,
    hook: ForwardHook = no_hook,
    intervention: InterventionFn = identity,
    addmm: Addmm = torch.addmm,
) -> Float[Tensor, "batch pos d_model"]:
    """Add a layer's MLP output to the residual stream (`hook_resid_mid` to `hook_resid_post`)."""
    config, block, at = weights.config, weights.blocks[layer], f"blocks.{layer}"
    batch, pos, d = x.shape
    hook(f"{at}.hook_resid_mid", x)
    pre, post = mlp_activations(config, block, x.reshape(-1, d), addmm)
    if intervention is not identity:
        post = intervention(f"{at}.mlp.hook_post", post.view(batch, pos, -1)).reshape(
            batch * pos, -1
        )
    hook(f"{at}.mlp.hook_pre", pre.view(batch, pos, -1))
    hook(f"{at}.mlp.hook_post", post.view(batch, pos, -1))
    x = x + addmm(block.b_out, post, block.W_out).view(batch, pos, d)
    hook(f"{at}.hook_resid_post", x)
    return x


def mlp_activations(
    config: ModelConfig, block: Block, x: Float[Tensor, "row d_model"], addmm: Addmm = torch.addmm
) -> tuple[Float[Tensor, "row d_mlp"], Float[Tensor, "row d_mlp"]]:
    """Compute `hook_pre` and `hook_post` of a block's neurons from `hook_resid_mid`."""
    normed = _norm(config, x, block.ln2_w, block.ln2_b)
    if block.W_gate is None:
        pre = addmm(block.b_in, normed, block.W_in)
        return pre, ACTIVATIONS[config.act_fn](pre)
    zero = torch.zeros_like(block.b_in)  # the bias comes last, as in TransformerLens
    pre = addmm(zero, normed, block.W_gate)
    linear = addmm(zero, normed, block.W_in)
    return pre, block.b_in + ACTIVATIONS[config.act_fn](pre) * linear


def ln_final(
    weights: Weights, x: Float[Tensor, "*at d_model"], *, hook: ForwardHook = no_hook
) -> Float[Tensor, "*at d_model"]:
    """Apply the final norm to the residual stream."""
    x = _norm(weights.config, x, weights.ln_final_w, weights.ln_final_b)
    hook("ln_final.hook_normalized", x)
    return x


def unembed(weights: Weights, final: Float[Tensor, "*at d_model"]) -> Float[Tensor, "*at d_vocab"]:
    """Compute the logits of the final normalised residual stream."""
    return F.linear(final, weights.unembed, weights.b_U)


def logits(
    weights: Weights,
    tokens: Int[Tensor, "batch pos"],
    *,
    hook: ForwardHook = no_hook,
    intervention: InterventionFn = identity,
) -> Float[Tensor, "batch pos d_vocab"]:
    """Compute the logits of the token after each position."""
    return unembed(weights, hidden(weights, tokens, hook=hook, intervention=intervention))


def loss(
    weights: Weights, rows: Int[Tensor, "batch pos_plus_one"], dtype: torch.dtype = torch.float32
) -> Float[Tensor, ""]:
    """Compute the mean cross-entropy in nats per token over all tokens of `rows` but the first of each.

    `dtype` is the dtype of matrix products: float32, or bfloat16 to train faster.
    """
    addmm = addmm_bfloat16 if dtype == torch.bfloat16 else torch.addmm
    final = hidden(weights, rows[:, :-1], addmm=addmm).reshape(-1, weights.config.d_model)
    return cross_entropy(final, weights.unembed, weights.b_U, rows[:, 1:].reshape(-1), dtype)


def prefill(
    weights: Weights,
    cache: KVCache,
    tokens: Int[Tensor, "batch pos"],
    lengths: Int[Tensor, "batch"],
    *,
    intervention: InterventionFn = identity,
) -> Float[Tensor, "batch d_vocab"]:
    """Add prompts to the KV cache and compute the logits of the token after each.

    Row b of `tokens` holds `lengths[b]` tokens, then padding of any kind. Prompts are batched by padded
    length, for attention sums a longer row in another order: so no row depends on the others, to the
    last bit (on a CPU).
    """
    rows = torch.arange(len(tokens), device=tokens.device)
    last = tokens.new_zeros(len(tokens), weights.config.d_model, dtype=weights.W_E.dtype)
    first = cache.append(lengths).start
    widths = [min(padded_slots(length), weights.config.n_ctx) for length in lengths.tolist()]
    for width in sorted(set(widths)):
        these = rows[torch.tensor([w == width for w in widths], device=tokens.device)]
        part = F.pad(tokens[these, :width], (0, max(0, width - tokens.shape[1])))
        attend = cache.prefill_attention(first + these)
        final = hidden(
            weights, part, attend=attend, intervention=intervention, addmm=addmm_batch_invariant
        )
        last[these] = final[torch.arange(len(these), device=final.device), lengths[these] - 1]
    return addmm_batch_invariant(weights.b_U, last, weights.unembed.T)


def step(
    weights: Weights,
    cache: KVCache,
    tokens: Int[Tensor, "batch"],
    *,
    intervention: InterventionFn = identity,
    addmm: Addmm = addmm_batch_invariant,
) -> Float[Tensor, "batch d_vocab"]:
    """Add one token to each sequence in the KV cache and compute the logits of the token after it."""
    final = hidden(
        weights,
        tokens[:, None],
        positions=cache.lengths[:, None],
        attend=cache.decode_attention(),
        intervention=intervention,
        addmm=addmm,
    )
    cache.lengths = cache.lengths + 1
    return addmm(weights.b_U, final[:, 0], weights.unembed.T)


def attention_pattern(
    q: Float[Tensor, "batch head pos d_head"],
    k: Float[Tensor, "batch head pos d_head"],
    config: ModelConfig,
    layer: int,
) -> Float[Tensor, "batch head query key"]:
    """Compute the attention probabilities, which `attend` never materialises. Rows sum to 1."""
    scores = (q @ k.transpose(-1, -2)) * _scale(config)
    mask = causal_mask(q.shape[2], config.window(layer), q.device)
    return scores.masked_fill(~mask, float("-inf")).softmax(-1)


def causal_mask(pos: int, window: int | None, device: torch.device) -> Bool[Tensor, "query key"]:
    """Return true where a query may attend to a key: no later one, and one of the last `window`."""
    mask = torch.ones(pos, pos, dtype=torch.bool, device=device).tril()
    return mask if window is None else mask & ~mask.tril(-window)


def apply_rotary(
    x: Float[Tensor, "batch head pos d_head"],
    config: ModelConfig,
    positions: Int[Tensor, "#batch pos"] | None = None,
) -> Float[Tensor, "batch head pos d_head"]:
    """Rotate queries or keys by their positions (RoPE: Su et al. 2021, arXiv:2104.09864)."""
    cos, sin = _rotary_tables(config.d_head, config.rotary_base, config.n_ctx, x.device)
    if positions is None:
        cos, sin = cos[: x.shape[2]], sin[: x.shape[2]]
    else:
        cos, sin = cos[positions][:, None], sin[positions][:, None]
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


@lru_cache(maxsize=8)
def _rotary_tables(
    d_head: int, base: float, n_ctx: int, device: torch.device
) -> tuple[Float[Tensor, "n_ctx half"], Float[Tensor, "n_ctx half"]]:
    """Compute cosine and sine of each position's angle for each pair of dimensions (i, i + d_head / 2)."""
    frequencies = base ** (-torch.arange(0, d_head, 2, dtype=torch.double) / d_head)
    angles = torch.arange(n_ctx, dtype=torch.double)[:, None] * frequencies
    return angles.cos().float().to(device), angles.sin().float().to(device)


def _norm(
    config: ModelConfig,
    x: Float[Tensor, "*at d_model"],
    gain: Float[Tensor, "d_model"],
    bias: Float[Tensor, "d_model"] | None,
) -> Float[Tensor, "*at d_model"]:
    if config.normalization_type == "RMS":
        return F.rms_norm(x, (config.d_model,), gain, config.eps)
    return F.layer_norm(x, (config.d_model,), gain, bias, config.eps)


def _scale(config: ModelConfig) -> float:
    return config.d_head**-0.5 if config.attn_scale else 1.0
