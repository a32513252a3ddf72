"""nanoGPT's ckpt.pt: GPT-2 with matrices that multiply from the left, and perhaps without biases."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import Tensor

from slm.importing.config_fields import KnownFields, flag, names, whole
from slm.importing.foreign_model import ForeignModel
from slm.importing.formats.huggingface_tensors import PASSED_OVER, gpt_sources
from slm.importing.tensors import ForeignTensors
from slm.importing.weight_sources import check_layer_count
from slm.model.config import ModelConfig

KNOWN = KnownFields(
    read=names("n_layer n_head n_embd block_size vocab_size bias"),
    without_effect=names("dropout"),
)
GPT2_TOKENS, PADDED = 50_257, 50_304
"""GPT-2's vocabulary, and as nanoGPT pads it."""
LEFT = re.compile(r"h\.\d+\.(attn\.c_attn|attn\.c_proj|mlp\.c_fc|mlp\.c_proj)\.weight")


def foreign_model(arguments: Mapping[str, Any], tensors: ForeignTensors) -> ForeignModel:
    """Describe nanoGPT's model by its `model_args`; `BadInput` for unknown fields."""
    KNOWN.check(arguments)
    tensors = _from_the_right(tensors.without("transformer."))
    width, layers = whole(arguments, "n_embd"), whole(arguments, "n_layer")
    old = "bias" not in arguments  # before January 2023: biases, and GELU's approximation by tanh
    biased = flag(arguments, "bias", True)
    config = ModelConfig(
        d_model=width,
        n_layers=layers,
        n_heads=whole(arguments, "n_head"),
        d_vocab=whole(arguments, "vocab_size", 50_257),
        n_ctx=whole(arguments, "block_size"),
        tied=tensors.same("wte.weight", "lm_head.weight"),
        act_fn="gelu_new" if old else "gelu",
    )
    check_layer_count(config, tensors)
    sources = gpt_sources(config, neo=False)
    return ForeignModel(
        kind="nanoGPT checkpoint",
        config=config,
        sources=[s for s in sources if biased or not s.name.endswith(".bias")],
        tensors=tensors,
        passed_over=PASSED_OVER,
        gpt2_tokens=config.d_vocab in (GPT2_TOKENS, PADDED),
        notes=()
        if old
        else (
            "Its neurons are read with GELU as it is; nanoGPT before June 2023 approximated it by "
            "tanh, which no checkpoint tells.",
        ),
    )


def _from_the_right(tensors: ForeignTensors) -> ForeignTensors:
    """Transpose the matrices that multiply from the left to GPT-2's orientation."""
    shapes = {
        name: shape[::-1] if LEFT.fullmatch(name) else shape
        for name, shape in tensors.shapes.items()
    }
    return ForeignTensors(
        shapes=shapes,
        read=partial(_transposed, tensors),
        half=tensors.half,
        unread=tensors.unread,
    )


def _transposed(tensors: ForeignTensors, name: str) -> Tensor:
    tensor = tensors.read(name)
    return tensor.T if LEFT.fullmatch(name) else tensor
