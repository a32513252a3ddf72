"""Llamas by Meta's tensor names give the logits of llama2.c, from Meta's folder and from ckpt.pt."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from slm.errors import BadInput
from slm.importing.detect import detect
from slm.importing.import_run import import_run
from slm.model import functional
from slm.runs import load_checkpoint
from slm.stories.tokenizer import Tokenizer
from tests.importing.formats.test_llama2c import forward, write_model
from tests.importing.formats.test_nanogpt import CLOSE


def by_metas_names(parts: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """The parts of a llama2.c model as its training and Meta name them."""
    found = {
        "tok_embeddings.weight": parts["embedding"],
        "norm.weight": parts["final_norm"],
        "output.weight": parts.get("classifier", parts["embedding"]),
    }
    for ours, theirs in (
        ("att_norm", "attention_norm"),
        ("ffn_norm", "ffn_norm"),
        *((f"w{letter}", f"attention.w{letter}") for letter in "qkvo"),
        *((f"w{number}", f"feed_forward.w{number}") for number in "123"),
    ):
        for layer, part in enumerate(parts[ours]):
            found[f"layers.{layer}.{theirs}.weight"] = part
    return {name: torch.from_numpy(np.array(part)) for name, part in found.items()}


@pytest.mark.parametrize("form", ["llama2.c", "compiled", "Meta"])
@pytest.mark.parametrize("shared", [True, False])
def test_logits_are_those_of_llama2c_by_its_training_and_by_meta(
    tmp_path: Path, tokenizer: Tokenizer, form: str, shared: bool
) -> None:
    parts = write_model(tmp_path / "model.bin", tokenizer.d_vocab, shared=shared)
    (tmp_path / "model.bin").unlink()
    state = by_metas_names(parts)
    sizes = {"dim": 24, "n_layers": 2, "n_heads": 6, "n_kv_heads": 2, "multiple_of": 8}
    if form == "Meta":
        path = tmp_path
        torch.save(state | {"rope.freqs": torch.ones(2)}, path / "consolidated.00.pth")
        told = json.dumps(sizes | {"vocab_size": -1, "norm_eps": 1e-5})
        (path / "params.json").write_text(told)
    else:
        before = "_orig_mod." if form == "compiled" else ""
        state = {before + name: tensor for name, tensor in state.items()}
        sizes |= {"vocab_size": tokenizer.d_vocab, "max_seq_len": 32, "dropout": 0.0}
        path = tmp_path / "ckpt.pt"
        torch.save({"model": state, "model_args": sizes, "config": {"dim": 24}}, path)
    tokenizer.save(tmp_path / "tokenizer.json")
    found = detect(str(path))
    assert found.kind == ("Llama (Meta)" if form == "Meta" else "llama2.c checkpoint")
    assert found.config.tied is shared and found.config.mlp_width == 40
    import_run(found, "theirs")
    tokens = [1, 5, 7, 300, 12, 44, 9]
    logits = functional.logits(load_checkpoint("theirs").weights, torch.tensor([tokens]))[0]
    assert np.abs(logits.numpy() - forward(parts, tokens)).max() < CLOSE


def test_scaled_rotary_positions_of_meta_are_refused(tmp_path: Path, tokenizer: Tokenizer) -> None:
    parts = write_model(tmp_path / "model.bin", tokenizer.d_vocab, shared=True)
    (tmp_path / "model.bin").unlink()
    torch.save(by_metas_names(parts), tmp_path / "consolidated.00.pth")
    sizes = {"dim": 24, "n_layers": 2, "n_heads": 6, "use_scaled_rope": True}
    (tmp_path / "params.json").write_text(json.dumps(sizes))
    with pytest.raises(BadInput, match="use_scaled_rope must be False, not True"):
        detect(str(tmp_path))
