"""The fast way: plain functions over the weights, read from top to bottom. No module state, no hooks.

Says the same as the hooked way within 1e-4, in logits and in gradients (`tests/model/test_fast.py`).
Safe in threads: nothing here is shared but the weights, which it only reads.
"""

from collections.abc import Callable, Iterable
from functools import cache, lru_cache, partial

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from slm.model.config import ModelConfig
from slm.model.gradients import addmm_bfloat16, cross_entropy
from slm.model.weights import Block, Weights

Addmm = Callable[[Tensor, Tensor, Tensor], Tensor]
"""bias [out], x [row, in], matrix [in, out] -> [row, out], as `torch.addmm`."""
Act = Tensor | Callable[[], Tensor]
"""An activation, or how to compute one that is not needed for going on (the attention pattern)."""
Tap = Callable[[str, Act], None]
"""Told of every activation, with its name."""
Edit = Callable[[str, Tensor], Tensor]
"""Given `blocks.L.attn.hook_z` [batch pos head d_head] or `blocks.L.mlp.hook_post` [batch pos d_mlp],
what to go on with instead, of the same shape."""
Attend = Callable[[Tensor, Tensor, Tensor, ModelConfig, int], Tensor]
"""q, k, v [batch, head, pos, d_head] of a layer -> z, of q's shape."""
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu_new": partial(F.gelu, approximate="tanh"),
    "gelu": F.gelu,
    "silu": F.silu,
    "relu": F.relu,
}
"""What a neuron does to its input, under TransformerLens' names."""


SLOTS_ALIKE = 16
"""Attention to a number of slots that is a multiple of this adds up the slots there are in the same
order, however many masked ones follow: as many float32 as the widest register holds."""
ROWS_ALIKE = 4
"""From so many rows on a product's rows do not depend on how many there are; with fewer of them the
libraries take other kernels, which add up in another order."""


def addmm_alike(
    bias: Float[Tensor, "out"], x: Float[Tensor, "row in"], matrix: Float[Tensor, "in out"]
) -> Float[Tensor, "row out"]:
    """`torch.addmm` whose rows do not depend on how many others there are, to the last bit (on a CPU)."""
    if len(x) >= ROWS_ALIKE:
        return torch.addmm(bias, x, matrix)
    return torch.addmm(bias, torch.cat((x,) * ROWS_ALIKE), matrix)[: len(x)]


def slots_alike(length: int) -> int:
    """The next multiple of `SLOTS_ALIKE`."""
    return -(-length // SLOTS_ALIKE) * SLOTS_ALIKE


class Taps:
    """Hands out exactly the activations asked for, under TransformerLens' hook names.

    Known: `blocks.L.hook_resid_pre|resid_mid|resid_post`, `blocks.L.attn.hook_q|k|v|z|pattern`,
    `blocks.L.mlp.hook_pre|post` and `ln_final.hook_normalized`. After the run they lie in `acts`.
    Rotary positions turn what `hook_q` and `hook_k` show into `hook_rot_q` and `hook_rot_k`; the
    `hook_post` of a gated MLP is act(`hook_pre`) times the input's other half.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = frozenset(names)
        self.acts: dict[str, Tensor] = {}

    def __call__(self, name: str, act: Act) -> None:
        """Keep `act` if it was asked for."""
        if name in self.names:
            self.acts[name] = (act if isinstance(act, Tensor) else act()).detach()


def ignore(name: str, act: Act) -> None:
    """The tap that nobody listens at."""


def leave(name: str, act: Tensor) -> Tensor:
    """The edit that changes nothing, and costs nothing: it is never called."""
    return act


class KVCache:
    """The keys and values of stories that grow one token at a time, each at its own length.

    Story b's key for position p lies in slot p of row b, so stories of different lengths need no
    padding on the left and every token keeps its true position. What lies past a row's length is
    never looked at. There is room for `rows` stories of `slots` tokens (n_ctx where it is not given).
    What attention gives a story does not depend on the others, to the last bit (on a CPU).
    """

    def __init__(
        self,
        config: ModelConfig,
        rows: int,
        slots: int | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        slots = slots_alike(config.n_ctx if slots is None else slots)
        size = (config.n_layers, rows, config.n_heads, slots, config.d_head)
        self.keys = torch.zeros(size, device=device)
        self.values = torch.zeros(size, device=device)
        self.lengths = torch.zeros(0, dtype=torch.long, device=device)

    def __len__(self) -> int:
        """Stories in it."""
        return len(self.lengths)

    def append(self, lengths: Int[Tensor, "new"]) -> slice:
        """Make room for stories whose prompts have these lengths; return their rows."""
        rows = slice(len(self), len(self) + len(lengths))
        self.lengths = torch.cat([self.lengths, lengths.to(self.lengths)])
        return rows

    def drop(self, row: int) -> None:
        """Forget a story; the last one takes its row, so that nothing else has to move."""
        last = len(self) - 1
        if row != last:
            used = int(self.lengths[last])
            for kept in (self.keys, self.values):
                kept[:, row, :, :used] = kept[:, last, :, :used]
            self.lengths[row] = used
        self.lengths = self.lengths[:last]

    def arrange(self, rows: Int[Tensor, "new"]) -> None:
        """Let row i hold what row `rows[i]` holds; a row may be taken twice, or not at all."""
        longest = int(self.lengths.max())
        for kept in (self.keys, self.values):
            kept[:, : len(rows), :, :longest] = kept[:, rows, :, :longest]
        self.lengths = self.lengths[rows]

    def reader(self, rows: Int[Tensor, "new"]) -> Attend:
        """Attention within whole prompts, whose keys and values are kept in `rows`."""

        def attend_and_keep(
            q: Tensor, k: Tensor, v: Tensor, config: ModelConfig, layer: int
        ) -> Tensor:
            self.keys[layer, rows, :, : k.shape[2]] = k
            self.values[layer, rows, :, : v.shape[2]] = v
            return attend(q, k, v, config, layer)

        return attend_and_keep

    def writer(self) -> Attend:
        """Attention of one new token in each story, kept with those before it."""
        lengths = self.lengths.tolist()
        count, length = len(lengths), max(lengths)
        alike, end = min(lengths) == length, slots_alike(length + 1)
        slot = torch.arange(end, device=self.lengths.device)
        rows = torch.arange(count, device=self.lengths.device)
        before = slot <= self.lengths[:, None]

        @cache
        def unseen(window: int | None) -> Float[Tensor, "row 1 1 slot"] | None:
            """What is added to the scores: minus infinity where a story does not look; None for nothing."""
            if alike and length + 1 == end and window is None:
                return None
            seen = before if window is None else before & (slot > self.lengths[:, None] - window)
            nothing = torch.zeros(seen.shape, device=seen.device)
            return nothing.masked_fill_(~seen, float("-inf"))[:, None, None]

        def keep_and_attend(
            q: Tensor, k: Tensor, v: Tensor, config: ModelConfig, layer: int
        ) -> Tensor:
            keys, values = self.keys[layer, :count], self.values[layer, :count]
            if alike:
                keys[:, :, length], values[:, :, length] = k[:, :, 0], v[:, :, 0]
            else:
                keys[rows, :, self.lengths], values[rows, :, self.lengths] = k[:, :, 0], v[:, :, 0]
            mask = unseen(config.window(layer))
            return F.scaled_dot_product_attention(
                q, keys[:, :, :end], values[:, :, :end], attn_mask=mask, scale=_scale(config)
            )

        return keep_and_attend


def attend(
    q: Float[Tensor, "batch head pos d_head"],
    k: Float[Tensor, "batch head pos d_head"],
    v: Float[Tensor, "batch head pos d_head"],
    config: ModelConfig,
    layer: int,
) -> Float[Tensor, "batch head pos d_head"]:
    """Causal attention of whole stories, within the layer's window if it has one."""
    if config.window(layer) is None:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=_scale(config))
    return attend_where(q, k, v, visible(q.shape[2], config.window(layer), q.device), config)


def attend_where(
    q: Float[Tensor, "batch head query d_head"],
    k: Float[Tensor, "batch head key d_head"],
    v: Float[Tensor, "batch head key d_head"],
    seen: Bool[Tensor, "query key"],
    config: ModelConfig,
) -> Float[Tensor, "batch head query d_head"]:
    """Attention of each query to the keys it may see."""
    return F.scaled_dot_product_attention(q, k, v, attn_mask=seen, scale=_scale(config))


def hidden(
    weights: Weights,
    tokens: Int[Tensor, "batch pos"],
    *,
    where: Int[Tensor, "#batch pos"] | None = None,
    attend: Attend = attend,
    tap: Tap = ignore,
    edit: Edit = leave,
    addmm: Addmm = torch.addmm,
) -> Float[Tensor, "batch pos d_model"]:
    """Run the blocks and the final norm (TransformerLens' `ln_final` output).

    The tokens stand at positions `where`, 0, 1, 2, … where it is not given. `addmm` computes the
    blocks' products; the residual stream, the norms and attention stay in float32 whatever it
    returns.
    """
    x = embed(weights, tokens, where)
    for layer in range(weights.config.n_layers):
        x = add_attention(
            weights, layer, x, where=where, attend=attend, tap=tap, edit=edit, addmm=addmm
        )
        x = add_mlp(weights, layer, x, tap=tap, edit=edit, addmm=addmm)
    return final_norm(weights, x, tap=tap)


def embed(
    weights: Weights,
    tokens: Int[Tensor, "batch pos"],
    where: Int[Tensor, "#batch pos"] | None = None,
) -> Float[Tensor, "batch pos d_model"]:
    """What enters the first block: the token embeddings, with the positions' where these are learned."""
    if weights.W_pos is None:
        return F.embedding(tokens, weights.W_E)
    if where is None:
        return F.embedding(tokens, weights.W_E) + weights.W_pos[: tokens.shape[1]]
    return F.embedding(tokens, weights.W_E) + F.embedding(where, weights.W_pos)


def add_attention(
    weights: Weights,
    layer: int,
    x: Float[Tensor, "batch pos d_model"],
    *,
    where: Int[Tensor, "#batch pos"] | None = None,
    attend: Attend = attend,
    tap: Tap = ignore,
    edit: Edit = leave,
    addmm: Addmm = torch.addmm,
) -> Float[Tensor, "batch pos d_model"]:
    """The residual stream after this layer's heads have written to it (`where` as in `hidden`)."""
    config, block, at = weights.config, weights.blocks[layer], f"blocks.{layer}"
    (batch, pos, d), heads = x.shape, config.n_heads
    tap(f"{at}.hook_resid_pre", x)
    normed = _normed(config, x, block.ln1_w, block.ln1_b)
    qkv = addmm(block.b_QKV, normed.view(-1, d), block.W_QKV).to(x.dtype)
    q, k, v = qkv.view(batch, pos, 3, heads, config.d_head).permute(2, 0, 3, 1, 4)
    acts = [("q", q), ("k", k), ("v", v)]
    if config.rotary:
        q, k = turned(q, config, where), turned(k, config, where)
        acts += [("rot_q", q), ("rot_k", k)]
    z = attend(q, k, v, config, layer)
    if edit is not leave:
        z = edit(f"{at}.attn.hook_z", z.transpose(1, 2)).transpose(1, 2)
    if tap is not ignore:
        for name, act in (*acts, ("z", z)):
            tap(f"{at}.attn.hook_{name}", act.transpose(1, 2))
        tap(f"{at}.attn.hook_pattern", lambda: pattern(q, k, config, layer))
    out = addmm(block.b_O, z.transpose(1, 2).reshape(-1, d), block.W_O)
    return x + out.view(batch, pos, d)


def add_mlp(
    weights: Weights,
    layer: int,
    x: Float[Tensor, "batch pos d_model"],
    *,
    tap: Tap = ignore,
    edit: Edit = leave,
    addmm: Addmm = torch.addmm,
) -> Float[Tensor, "batch pos d_model"]:
    """The residual stream after this layer's neurons have written to it."""
    config, block, at = weights.config, weights.blocks[layer], f"blocks.{layer}"
    batch, pos, d = x.shape
    tap(f"{at}.hook_resid_mid", x)
    pre, post = neurons(config, block, x.reshape(-1, d), addmm)
    if edit is not leave:
        post = edit(f"{at}.mlp.hook_post", post.view(batch, pos, -1)).reshape(batch * pos, -1)
    tap(f"{at}.mlp.hook_pre", pre.view(batch, pos, -1))
    tap(f"{at}.mlp.hook_post", post.view(batch, pos, -1))
    x = x + addmm(block.b_out, post, block.W_out).view(batch, pos, d)
    tap(f"{at}.hook_resid_post", x)
    return x


def neurons(
    config: ModelConfig, block: Block, x: Float[Tensor, "row d_model"], addmm: Addmm = torch.addmm
) -> tuple[Float[Tensor, "row d_mlp"], Float[Tensor, "row d_mlp"]]:
    """`hook_pre` and `hook_post` of a block's neurons, which read `hook_resid_mid`, normed."""
    normed = _normed(config, x, block.ln2_w, block.ln2_b)
    if block.W_gate is None:
        pre = addmm(block.b_in, normed, block.W_in)
        return pre, ACTIVATIONS[config.act_fn](pre)
    none = torch.zeros_like(block.b_in)  # the bias comes last, as in TransformerLens
    pre = addmm(none, normed, block.W_gate)
    through = addmm(none, normed, block.W_in)
    return pre, block.b_in + ACTIVATIONS[config.act_fn](pre) * through


def final_norm(
    weights: Weights, x: Float[Tensor, "*at d_model"], *, tap: Tap = ignore
) -> Float[Tensor, "*at d_model"]:
    """The residual stream after the last norm."""
    x = _normed(weights.config, x, weights.ln_final_w, weights.ln_final_b)
    tap("ln_final.hook_normalized", x)
    return x


def unembed(weights: Weights, final: Float[Tensor, "*at d_model"]) -> Float[Tensor, "*at d_vocab"]:
    """Logits of final activations."""
    return F.linear(final, weights.unembed, weights.b_U)


def logits(
    weights: Weights, tokens: Int[Tensor, "batch pos"], *, tap: Tap = ignore, edit: Edit = leave
) -> Float[Tensor, "batch pos d_vocab"]:
    """Logits for the token after each position."""
    return unembed(weights, hidden(weights, tokens, tap=tap, edit=edit))


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
    cache: KVCache,
    tokens: Int[Tensor, "batch pos"],
    lengths: Int[Tensor, "batch"],
    *,
    edit: Edit = leave,
) -> Float[Tensor, "batch d_vocab"]:
    """Add prompts to `cache` (row b holds `lengths[b]` tokens, then anything); logits for what is next.

    Read together are prompts of about one length, for attention adds up in another order in a longer
    one: so a row does not depend on the others, to the last bit (on a CPU).
    """
    rows = torch.arange(len(tokens), device=tokens.device)
    last = tokens.new_zeros(len(tokens), weights.config.d_model, dtype=weights.W_E.dtype)
    first = cache.append(lengths).start
    widths = [min(slots_alike(length), weights.config.n_ctx) for length in lengths.tolist()]
    for width in sorted(set(widths)):
        these = rows[torch.tensor([w == width for w in widths], device=tokens.device)]
        part = F.pad(tokens[these, :width], (0, max(0, width - tokens.shape[1])))
        attend = cache.reader(first + these)
        final = hidden(weights, part, attend=attend, edit=edit, addmm=addmm_alike)
        last[these] = final[torch.arange(len(these), device=final.device), lengths[these] - 1]
    return addmm_alike(weights.b_U, last, weights.unembed.T)


def step(
    weights: Weights,
    cache: KVCache,
    tokens: Int[Tensor, "batch"],
    *,
    edit: Edit = leave,
    addmm: Addmm = addmm_alike,
) -> Float[Tensor, "batch d_vocab"]:
    """Add one token to each story in `cache`; logits for the one after it. `addmm` does all products."""
    final = hidden(
        weights,
        tokens[:, None],
        where=cache.lengths[:, None],
        attend=cache.writer(),
        edit=edit,
        addmm=addmm,
    )
    cache.lengths = cache.lengths + 1
    return addmm(weights.b_U, final[:, 0], weights.unembed.T)


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


def turned(
    x: Float[Tensor, "batch head pos d_head"],
    config: ModelConfig,
    where: Int[Tensor, "#batch pos"] | None = None,
) -> Float[Tensor, "batch head pos d_head"]:
    """Queries or keys, turned by their positions (rotary embeddings: Su et al. 2021, arXiv:2104.09864)."""
    cos, sin = _rotations(config.d_head, config.rotary_base, config.n_ctx, x.device)
    if where is None:
        cos, sin = cos[: x.shape[2]], sin[: x.shape[2]]
    else:
        cos, sin = cos[where][:, None], sin[where][:, None]
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


@lru_cache(maxsize=8)
def _rotations(
    d_head: int, base: float, n_ctx: int, device: torch.device
) -> tuple[Float[Tensor, "n_ctx half"], Float[Tensor, "n_ctx half"]]:
    """Cosine and sine of each position's angle for each pair of dimensions."""
    speeds = base ** (-torch.arange(0, d_head, 2, dtype=torch.double) / d_head)
    angles = torch.arange(n_ctx, dtype=torch.double)[:, None] * speeds
    return angles.cos().float().to(device), angles.sin().float().to(device)


def _normed(
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
