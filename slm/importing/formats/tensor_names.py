"""Recognition of a file of tensors by the names and shapes in it."""

import re
from collections.abc import Mapping

from slm.errors import shown
from slm.importing.tensors import ForeignTensors, TensorShape

LENS = r"blocks\.\d+\.attn\.W_Q"
"""How TransformerLens names the queries of a layer."""
NEEDS_CONFIG_JSON = (
    "the weights of {} as Hugging Face names them; its config.json must lie beside them "
    "(model.config.save_pretrained(…) writes it), and the tokenizer's files"
)
NEEDS_ARGUMENTS = (
    "the weights of {} without its sizes; they are read from {}, which must be there, too"
)
NOT_COMPUTED = "the weights of {}, which is not computed here: {}"
BEFORE = r"(transformer\.|model\.)?"
SIGNS = (
    (r".*\.lora_[AB]\..*", "a LoRA adapter, which is no model: save what merge_and_unload() gives"),
    (
        BEFORE + r"h\.\d+\.attn\.c_q\.weight",
        NOT_COMPUTED.format(
            "nanochat's model",
            "its norms learn nothing, queries and keys are normed, and neurons are squared ReLUs",
        ),
    ),
    (BEFORE + r"h\.\d+\.attn\.attention\.q_proj\.weight", NEEDS_CONFIG_JSON.format("a GPT-Neo")),
    (BEFORE + r"h\.\d+\.attn\.c_attn\.weight", NEEDS_CONFIG_JSON.format("a GPT-2")),
    (
        BEFORE + r"layers\.\d+\.self_attn\.q_proj\.weight",
        NEEDS_CONFIG_JSON.format("a Llama or one of its kind"),
    ),
    (
        r"layers\.\d+\.attention\.wq\.weight",
        NEEDS_ARGUMENTS.format(
            "a Llama as Meta names them",
            "params.json beside Meta's consolidated.00.pth, or from model_args in llama2.c's ckpt.pt",
        ),
    ),
    (
        r"(gpt_neox\.)?layers\.\d+\.attention\.query_key_value\.weight",
        NOT_COMPUTED.format("a GPT-NeoX", "attention and neurons work side by side"),
    ),
)
OTHERS = "tensors that no model of a known kind has, such as {}"


def of_tensors(tensors: ForeignTensors) -> str:
    """Describe a file's tensors by their names, to follow "holds"; of GPT-2's kind by a shape, too."""
    names = [*tensors.shapes, *tensors.unread]
    for pattern, what in SIGNS:
        if found := [name for name in names if re.fullmatch(pattern, name)]:
            if found[0].endswith("c_attn.weight") and _multiplies_left(tensors.shapes, found[0]):
                return NEEDS_ARGUMENTS.format("nanoGPT", "model_args in its ckpt.pt")
            return what
    return OTHERS.format(shown(names[0])) if names else "no tensors by name"


def of_lens(tensors: ForeignTensors) -> bool:
    """Return whether the tensors have TransformerLens' names."""
    return any(re.fullmatch(LENS, name) for name in tensors.shapes) or "embed.W_E" in tensors.shapes


def _multiplies_left(shapes: Mapping[str, TensorShape], name: str) -> bool:
    """Return whether fused qkv are rows, as in nanoGPT, and not columns, as in GPT-2."""
    shape = shapes.get(name, ())
    return len(shape) == 2 and shape[0] == 3 * shape[1]
