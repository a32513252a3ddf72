"""Model configurations and their parameter counts."""

import re
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from slm.errors import BadInput, shown

VOCABULARY_RANGE = (2, 65_536)  # tokens are stored as uint16
AT_MOST = {
    "d_model": 1 << 16,
    "n_layers": 1024,
    "n_heads": 1 << 12,
    "d_vocab": 1 << 32,
    "n_ctx": 1 << 20,
    "mlp_ratio": 256,
}
MLP_WIDTH = 1 << 20
"""No model that a machine could hold is larger: such a number is a file's damage."""

Norm = Literal["LN", "RMS"]
Positions = Literal["standard", "rotary"]
Activation = Literal["gelu_new", "gelu", "silu", "relu"]


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A decoder-only transformer under TransformerLens' names; what is trained here is GPT-2 style.

    `tied` makes `W_U` the transpose of `W_E`. `attn_scale=False` leaves out 1/sqrt(d_head), as
    GPT-Neo does. `local_window` makes every second layer (1, 3, …) see only that many last
    positions, itself among them, as the released TinyStories models do with 256.

    Llama's kind differs in four ways: "RMS" norms neither centre nor add, "rotary" positions rotate
    each head's queries and keys instead of being added to the stream (pairs i and i + d_head / 2, by
    rotary_base ** (-2 i / d_head) a position), a `gated_mlp` multiplies act(x W_gate) by x W_in, and
    `mlp_width` gives d_mlp where it is not `mlp_ratio` times d_model.
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
    normalization_type: Norm = "LN"
    positional_embedding_type: Positions = "standard"
    rotary_base: float = 10_000.0
    act_fn: Activation = "gelu_new"
    gated_mlp: bool = False
    mlp_width: int | None = None

    def __post_init__(self) -> None:
        """Raise `BadInput` on sizes that make no model."""
        for name, most in AT_MOST.items():
            if type(value := getattr(self, name)) is not int or not 1 <= value <= most:
                raise BadInput(
                    f"{name} must be a whole number from 1 to {most:,}, not {shown(value)}"
                )
        if self.d_model % self.n_heads:
            raise BadInput(
                f"n_heads must divide d_model: {self.n_heads} heads do not divide {self.d_model}"
            )
        if not VOCABULARY_RANGE[0] <= self.d_vocab <= VOCABULARY_RANGE[1]:
            low, high = VOCABULARY_RANGE
            raise BadInput(
                f"a model has a vocabulary of {low} to {high:,} tokens, not {self.d_vocab:,}"
            )
        if not 0 < self.eps < 1:
            raise BadInput(f"eps must lie between 0 and 1, not {self.eps}")
        if self.local_window is not None and self.local_window < 1:
            raise BadInput(f"local_window must be at least 1, not {self.local_window}")
        for name, known in (
            ("normalization_type", get_args(Norm)),
            ("positional_embedding_type", get_args(Positions)),
            ("act_fn", get_args(Activation)),
        ):
            if getattr(self, name) not in known:
                wrong = shown(getattr(self, name))
                raise BadInput(f"{name} is one of {', '.join(known)}, not {wrong}")
        if self.mlp_width is not None and (
            type(self.mlp_width) is not int or not 1 <= self.mlp_width <= MLP_WIDTH
        ):
            raise BadInput(
                f"mlp_width must be a whole number from 1 to {MLP_WIDTH:,}, not {shown(self.mlp_width)}"
            )
        if self.rotary:
            if self.d_head % 2:
                raise BadInput(f"rotary positions need an even d_head, not {self.d_head}")
            if not 1 < self.rotary_base < 1e12:
                raise BadInput(f"rotary_base must be above 1, not {self.rotary_base}")

    @property
    def d_head(self) -> int:
        """Return the width of one head."""
        return self.d_model // self.n_heads

    @property
    def d_mlp(self) -> int:
        """Return the number of neurons in one MLP."""
        return self.mlp_ratio * self.d_model if self.mlp_width is None else self.mlp_width

    @property
    def rotary(self) -> bool:
        """Return whether positions rotate queries and keys; else they are learned embeddings."""
        return self.positional_embedding_type == "rotary"

    @property
    def shape(self) -> str:
        """Return `d_model x n_layers x n_heads`, such as `64x8x16`."""
        return f"{self.d_model}x{self.n_layers}x{self.n_heads}"

    def window(self, layer: int) -> int | None:
        """Return how many last positions `layer` attends to; None for all."""
        return self.local_window if layer % 2 else None

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON."""
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
    """The number of trained parameters by part. A tied unembedding counts once, in `embedding`."""

    embedding: int
    position: int
    attention: int
    mlp: int
    norm: int
    unembedding: int

    @property
    def total(self) -> int:
        """Return their sum."""
        return sum(asdict(self).values())


def count_parameters(config: ModelConfig) -> ParameterCount:
    """Count a configuration's parameters exactly, biases included."""
    d, m = config.d_model, config.d_mlp
    matrices = 3 if config.gated_mlp else 2
    vectors = 1 if config.normalization_type == "RMS" else 2  # an RMS norm adds nothing
    return ParameterCount(
        embedding=config.d_vocab * d,
        position=0 if config.rotary else config.n_ctx * d,
        attention=config.n_layers * (4 * d * d + 4 * d),
        mlp=config.n_layers * (matrices * d * m + m + d),
        norm=(config.n_layers * 2 + 1) * vectors * d,
        unembedding=(0 if config.tied else d * config.d_vocab) + config.d_vocab,
    )


def parse_shape(text: str) -> tuple[int, int, int]:
    """Read `64x8x4` as (d_model, n_layers, n_heads); `BadInput` where it is anything else."""
    match = re.fullmatch(r"(\d{1,5})x(\d{1,3})x(\d{1,4})", text.strip(), re.ASCII)
    if not match:
        raise BadInput(
            "a shape is d_model x n_layers x n_heads, such as 64x8x4, or one of "
            f"{', '.join(PRESETS)}, not {shown(text)}"
        )
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
    "four-layer": ModelConfig(d_model=128, n_layers=4, n_heads=8, d_vocab=2048),
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

FROM_THE_PAPER = (
    "paper-… are the TinyStories paper's sizes, with its context of 512, attention without "
    "1/sqrt(d_head) and, in every second layer, of the last 256 tokens only. Not the paper's: the "
    "vocabulary is a BPE learned from the corpus (the paper's is GPT-Neo's 10,000 commonest tokens), "
    "queries, keys, values and logits have biases, and the recipe is ours unless the paper's is chosen."
)
"""What a shape called paper-… shares with the paper's models and what it does not, for whoever chooses."""


def named_shape(text: str) -> ModelConfig:
    """Return the configuration of a preset, or of `64x8x4` (GPT-2's kind, a vocabulary of 4,096).

    Raises `BadInput` where it is neither, or makes no model.
    """
    if text in PRESETS:
        return PRESETS[text]
    d_model, n_layers, n_heads = parse_shape(text)
    return ModelConfig(d_model=d_model, n_layers=n_layers, n_heads=n_heads, d_vocab=4096)
