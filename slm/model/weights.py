"""Hold, initialise, save and load parameters: fused matrices, with TransformerLens' names as views.

A block's W_Q, W_K and W_V lie in one matrix `W_QKV` (d_model x 3 d_model), which is what is multiplied
by and trained. Under TransformerLens' names they are *views* into it, one a head, so that a
HookedTransformer shares the trained storage and nothing is copied.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from slm.errors import BadInput
from slm.files import replacing
from slm.model.config import ModelConfig
from slm.seeds import generator_seed

INIT_STD = 0.02  # GPT-2's


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """The parameters of one transformer block, fused. Matrices multiply from the right: `x @ W`.

    RMS norms have no `b`; only a gated MLP has a `W_gate`.
    """

    ln1_w: Float[Tensor, "d_model"]
    ln1_b: Float[Tensor, "d_model"] | None
    W_QKV: Float[Tensor, "d_model three_d_model"]
    b_QKV: Float[Tensor, "three_d_model"]
    W_O: Float[Tensor, "head_x_d_head d_model"]
    b_O: Float[Tensor, "d_model"]
    ln2_w: Float[Tensor, "d_model"]
    ln2_b: Float[Tensor, "d_model"] | None
    W_in: Float[Tensor, "d_model d_mlp"]
    b_in: Float[Tensor, "d_mlp"]
    W_out: Float[Tensor, "d_mlp d_model"]
    b_out: Float[Tensor, "d_model"]
    W_gate: Float[Tensor, "d_model d_mlp"] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Weights:
    """The parameters of one model.

    `W_U` is None where the unembedding is tied to `W_E`, `W_pos` where positions are rotary,
    `ln_final_b` where the norms are RMS.
    """

    config: ModelConfig
    W_E: Float[Tensor, "d_vocab d_model"]
    W_pos: Float[Tensor, "n_ctx d_model"] | None
    blocks: tuple[Block, ...]
    ln_final_w: Float[Tensor, "d_model"]
    ln_final_b: Float[Tensor, "d_model"] | None
    W_U: Float[Tensor, "d_vocab d_model"] | None
    b_U: Float[Tensor, "d_vocab"]

    @property
    def unembed(self) -> Float[Tensor, "d_vocab d_model"]:
        """Return the unembedding, a row a token (TransformerLens' `W_U` is its transpose)."""
        return self.W_E if self.W_U is None else self.W_U

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the trained tensors with their names, each once, in one fixed order."""
        for name in ("W_E", "W_pos"):
            yield from self._named(name, getattr(self, name))
        for layer, block in enumerate(self.blocks):
            for name, tensor in vars(block).items():
                yield from self._named(f"blocks.{layer}.{name}", tensor)
        for name in ("ln_final_w", "ln_final_b", "W_U", "b_U"):
            yield from self._named(name, getattr(self, name))

    @staticmethod
    def _named(name: str, tensor: Tensor | None) -> Iterator[tuple[str, Tensor]]:
        if tensor is not None:
            yield name, tensor

    def named_views(self) -> dict[str, Tensor]:
        """Return every tensor under TransformerLens' name and in its shape, sharing storage.

        `blocks.0.attn.W_Q` is [n_heads, d_model, d_head]; `unembed.W_U` is [d_model, d_vocab].
        """
        heads, d_head, d_model = self.config.n_heads, self.config.d_head, self.config.d_model
        views = {"embed.W_E": self.W_E.detach()}
        if self.W_pos is not None:
            views["pos_embed.W_pos"] = self.W_pos.detach()
        for layer, block in enumerate(self.blocks):
            at = f"blocks.{layer}"
            weights = block.W_QKV.detach().view(d_model, 3, heads, d_head).permute(1, 2, 0, 3)
            biases = block.b_QKV.detach().view(3, heads, d_head)
            for index, letter in enumerate("QKV"):
                views[f"{at}.attn.W_{letter}"] = weights[index]
                views[f"{at}.attn.b_{letter}"] = biases[index]
            views[f"{at}.attn.W_O"] = block.W_O.detach().view(heads, d_head, d_model)
            views[f"{at}.attn.b_O"] = block.b_O.detach()
            for name in ("W_in", "b_in", "W_out", "b_out"):
                views[f"{at}.mlp.{name}"] = getattr(block, name).detach()
            if block.W_gate is not None:
                views[f"{at}.mlp.W_gate"] = block.W_gate.detach()
            for norm in ("ln1", "ln2"):
                views[f"{at}.{norm}.w"] = getattr(block, f"{norm}_w").detach()
                if (bias := getattr(block, f"{norm}_b")) is not None:
                    views[f"{at}.{norm}.b"] = bias.detach()
        views["ln_final.w"] = self.ln_final_w.detach()
        if self.ln_final_b is not None:
            views["ln_final.b"] = self.ln_final_b.detach()
        views["unembed.W_U"] = self.unembed.detach().T
        views["unembed.b_U"] = self.b_U.detach()
        return views

    def requires_grad(self) -> "Weights":
        """Make every parameter require gradients, in place, and return self."""
        for _, parameter in self.named_parameters():
            parameter.requires_grad_(True)
        return self


def empty(config: ModelConfig, device: str = "cpu") -> Weights:
    """Return parameters that are zero, but for the norms' gains, which are one."""
    d, m, centred = config.d_model, config.d_mlp, config.normalization_type == "LN"

    def zeros(*size: int) -> Tensor:
        return torch.zeros(size, device=device)

    def ones() -> Tensor:
        return torch.ones(d, device=device)

    return Weights(
        config=config,
        W_E=zeros(config.d_vocab, d),
        W_pos=None if config.rotary else zeros(config.n_ctx, d),
        blocks=tuple(
            Block(
                ln1_w=ones(),
                ln1_b=zeros(d) if centred else None,
                W_QKV=zeros(d, 3 * d),
                b_QKV=zeros(3 * d),
                W_O=zeros(d, d),
                b_O=zeros(d),
                ln2_w=ones(),
                ln2_b=zeros(d) if centred else None,
                W_in=zeros(d, m),
                b_in=zeros(m),
                W_out=zeros(m, d),
                b_out=zeros(d),
                W_gate=zeros(d, m) if config.gated_mlp else None,
            )
            for _ in range(config.n_layers)
        ),
        ln_final_w=ones(),
        ln_final_b=zeros(d) if centred else None,
        W_U=None if config.tied else zeros(config.d_vocab, d),
        b_U=zeros(config.d_vocab),
    )


@torch.no_grad()
def initialise(config: ModelConfig, seed: int, device: str = "cpu") -> Weights:
    """Draw GPT-2's initialisation: matrices normal(0, 0.02), biases zero, gains one.

    Matrices that write to the residual stream (`W_O`, `W_out`) are scaled by 1/sqrt(2 n_layers). The
    generator is the seed's own, on the CPU: the same seed gives the same weights on every device.
    """
    weights = empty(config, device)
    draw = torch.Generator().manual_seed(generator_seed(seed))
    for name, parameter in weights.named_parameters():
        kind = name.rsplit(".", 1)[-1]
        if not kind.startswith("W_"):
            continue
        writes_to_stream = kind in ("W_O", "W_out")
        std = INIT_STD / (2 * config.n_layers) ** 0.5 if writes_to_stream else INIT_STD
        parameter.copy_(torch.randn(parameter.shape, generator=draw) * std)
    return weights


def save(weights: Weights, path: Path, *, dtype: torch.dtype = torch.float16) -> None:
    """Write the parameters under TransformerLens' names, whole or not at all.

    A tied `unembed.W_U` is not written twice. Raises `OSError` where the disk will not take it.
    """
    tensors = weights.named_views()
    if weights.config.tied:
        del tensors["unembed.W_U"]
    stored = {name: view.to("cpu", dtype).contiguous() for name, view in tensors.items()}
    with replacing(path) as beside:
        save_file(stored, beside, metadata={"config": json.dumps(weights.config.to_json())})


@torch.no_grad()
def load(path: Path, config: ModelConfig, device: str = "cpu") -> Weights:
    """Read a checkpoint of `config` as float32.

    Raises `BadInput` where the file is no safetensors file, or its names or shapes are not
    `config`'s; nothing is allocated before the shapes were compared.
    """
    try:
        with safe_open(path, framework="pt", device=device) as file:
            there = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            _check_names(path, there, config)
            weights = empty(config, device)
            for name, view in weights.named_views().items():
                if name in there:
                    view.copy_(file.get_tensor(name))
    except (SafetensorError, OSError) as error:
        raise BadInput(f"{path} is not a whole safetensors file: {error}") from None
    return weights


def _check_names(path: Path, there: dict[str, tuple[int, ...]], config: ModelConfig) -> None:
    with torch.device("meta"):
        views = empty(config, "meta").named_views()
    expected = {name: tuple(view.shape) for name, view in views.items()}
    if config.tied:
        del expected["unembed.W_U"]
    if missing := sorted(expected.keys() - there.keys()):
        raise BadInput(f"{path} is not a checkpoint of a {config.shape} model: no {missing[0]!r}")
    if unknown := sorted(there.keys() - expected.keys()):
        raise BadInput(f"{path} is not a checkpoint of a {config.shape} model: has {unknown[0]!r}")
    for name, shape in expected.items():
        if there[name] != shape:
            raise BadInput(
                f"{path}: {name} must be {shape} in a {config.shape} model, not {there[name]}"
            )
