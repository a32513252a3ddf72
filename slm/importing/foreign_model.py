"""A foreign model whose form is known: its configuration, and where each of its tensors goes."""

from dataclasses import dataclass

from slm.importing.tensors import ForeignTensors
from slm.importing.weight_sources import TensorSource
from slm.model.config import ModelConfig


@dataclass(frozen=True, kw_only=True, eq=False)
class ForeignModel:
    """A foreign model as its files describe it, before anything is compared.

    `passed_over` matches the names of tensors that hold nothing learned. `reach` is how many tokens
    it reads at once, where that may be more than are read here. `gpt2_tokens` tells that its tokens
    are GPT-2's where it brings no tokenizer, `notes` what differs in its run.
    """

    kind: str
    config: ModelConfig
    sources: list[TensorSource]
    tensors: ForeignTensors
    passed_over: str
    reach: int | None = None
    gpt2_tokens: bool = False
    notes: tuple[str, ...] = ()
