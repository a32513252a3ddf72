"""The shape of a model and what it counts up to. Knows no tensors."""

import re
from dataclasses import asdict, dataclass, fields
from typing import Any

from slm.errors import BadInput

VOCABULARY_RANGE = (2, 65_536)  # tokens are stored as uint16


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A GPT-2 style transformer under TransformerLens' names: learned positions, LayerNorm, gelu_new.

    `tied` makes `W_U` the transpose of `W_E`. `attn_scale=False` leaves out 1/sqrt(d_head), as
    GPT-Neo does. `local_window` makes every second layer (1, 3, …) see only that many last
    positions, itself among them, as the released TinyStories models do with 256.
    """

    d_model: int
    n_layers: int
    n_heads: int
    d_vocab: int
    n_ctx: int = 256
    mlp_ratio: int = 4
    tied: bool = True
    attn_scale: bool = True
    local_window: int | None = None
    eps: float = 1e-5

    def __post_init__(self) -> None:
        """Raise `BadInput` on sizes that make no model."""
        for name in ("d_model", "n_layers", "n_heads", "d_vocab", "n_ctx", "mlp_ratio"):
            if not isinstance(value := getattr(self, name), int) or value < 1:
                raise BadInput(f"{name} must be a whole number of at least 1, not {value!r}")
        if self.d_model % self.n_heads:
            raise BadInput(
                f"n_heads must divide d_model: {self.n_heads} heads do not divide {self.d_model}"
            )
        if not VOCABULARY_RANGE[0] <= self.d_vocab <= VOCABULARY_RANGE[1]:
            raise BadInput(f"d_vocab must lie in {VOCABULARY_RANGE}, not {self.d_vocab}")
        if self.local_window is not None and self.local_window < 1:
            raise BadInput(f"local_window must be at least 1, not {self.local_window}")

    @property
    def d_head(self) -> int:
        """Width of one head."""
        return self.d_model // self.n_heads

    @property
    def d_mlp(self) -> int:
        """Neurons in one MLP."""
        return self.mlp_ratio * self.d_model

    @property
    def shape(self) -> str:
        """`d_model x n_layers x n_heads`, such as `64x8x16`."""
        return f"{self.d_model}x{self.n_layers}x{self.n_heads}"

    def window(self, layer: int) -> int | None:
        """How many last positions `layer` may see; None for all."""
        return self.local_window if layer % 2 else None

    def to_json(self) -> dict[str, Any]:
        """The fields, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "ModelConfig":
        """Read `to_json`'s output; `BadInput` on a missing or unknown field."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(data) - known):
            raise BadInput(f"unknown field of a model configuration: {unknown[0]!r}")
        try:
            return cls(**data)
        except TypeError as error:
            raise BadInput(f"incomplete model configuration: {error}") from None


@dataclass(frozen=True, kw_only=True)
class ParameterCount:
    """Every trained number, by part. A tied unembedding counts once, in `embedding`."""

    embedding: int
    position: int
    attention: int
    mlp: int
    norm: int
    unembedding: int

    @property
    def total(self) -> int:
        """All of them."""
        return sum(asdict(self).values())


def count_parameters(config: ModelConfig) -> ParameterCount:
    """Count a configuration's parameters exactly, biases included."""
    d, m = config.d_model, config.d_mlp
    return ParameterCount(
        embedding=config.d_vocab * d,
        position=config.n_ctx * d,
        attention=config.n_layers * (4 * d * d + 4 * d),
        mlp=config.n_layers * (2 * d * m + m + d),
        norm=config.n_layers * 4 * d + 2 * d,
        unembedding=(0 if config.tied else d * config.d_vocab) + config.d_vocab,
    )


def parse_shape(text: str) -> tuple[int, int, int]:
    """Read `64x8x4` as (d_model, n_layers, n_heads); `BadInput` where it is anything else."""
    match = re.fullmatch(r"(\d{1,5})x(\d{1,3})x(\d{1,4})", text.strip())
    if not match:
        raise BadInput(f"a shape is d_model x n_layers x n_heads, such as 64x8x4, not {text!r}")
    d_model, n_layers, n_heads = (int(part) for part in match.groups())
    return d_model, n_layers, n_heads


def _paper(d_model: int, n_layers: int, n_heads: int = 16) -> ModelConfig:
    return ModelConfig(
        d_model=d_model,
        n_layers=n_layers,
        n_heads=n_heads,
        d_vocab=10_000,
        n_ctx=512,
        attn_scale=False,
        local_window=256,
    )


PRESETS: dict[str, ModelConfig] = {
    "quick": ModelConfig(d_model=64, n_layers=2, n_heads=4, d_vocab=2048),
    "one-layer": ModelConfig(d_model=128, n_layers=1, n_heads=16, d_vocab=2048),
    "deep-narrow": ModelConfig(d_model=64, n_layers=8, n_heads=16, d_vocab=2048),
    "storyteller": ModelConfig(d_model=256, n_layers=4, n_heads=8, d_vocab=4096),
    "paper-1M": _paper(64, 8),
    "paper-3M": _paper(128, 8),
    "paper-8M": _paper(256, 8),
    "paper-28M": _paper(512, 8),
    "paper-33M": _paper(768, 4),
    "paper-1Layer-21M": _paper(1024, 1),
    "paper-2Layers-33M": _paper(1024, 2),
}
"""Shapes to start from: small ones that train in minutes, and the paper's own (GPT-Neo's details)."""
