"""A file of tensors without a configuration is called what its names say it is."""

from pathlib import Path

import pytest
import torch

from slm.errors import BadInput
from slm.importing.detect import detect

NAMED = {
    "transformer.h.0.attn.c_attn.weight": ((16, 48), r"a GPT-2 .*config\.json must lie beside"),
    "module.h.0.attn.c_attn.weight": ((16, 48), r"a GPT-2 .*config\.json must lie beside"),
    "transformer.h.1.attn.c_attn.weight": ((48, 16), "of nanoGPT without its sizes.*model_args"),
    "transformer.h.0.attn.attention.q_proj.weight": ((16, 16), r"a GPT-Neo .*config\.json must"),
    "model.layers.0.self_attn.q_proj.weight": ((16, 16), r"a Llama or .*config\.json must lie"),
    "layers.0.attention.wq.weight": ((16, 16), r"Meta names them.*params\.json.*model_args"),
    "transformer.h.0.attn.c_q.weight": ((16, 16), "nanochat's model, which is not computed here"),
    "gpt_neox.layers.0.attention.query_key_value.weight": ((48, 16), "GPT-NeoX, which is not"),
    "base_model.model.layers.0.lora_A.weight": ((8, 16), r"a LoRA adapter.*merge_and_unload"),
    "encoder.mystery": ((4, 4), "no model of a known kind has, such as 'encoder.mystery'"),
}


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("ending", [".pt", ".safetensors"])
def test_weights_alone_are_called_what_they_are(tmp_path: Path, name: str, ending: str) -> None:
    from safetensors.torch import save_file

    shape, what = NAMED[name]
    path = tmp_path / f"model{ending}"
    state = {name: torch.ones(shape)}
    if ending == ".pt":
        torch.save(state, path)
    else:
        save_file(state, path)
    for given in (path, tmp_path):
        with pytest.raises(BadInput, match=f"model{ending} holds .*{what}") as caught:
            detect(str(given))
        assert "HookedTransformerConfig" not in str(caught.value)


def test_a_folder_of_nanochat_is_called_that(tmp_path: Path) -> None:
    torch.save({"transformer.h.0.attn.c_q.weight": torch.ones(4, 4)}, tmp_path / "model_000010.pt")
    torch.save({"state": {}, "param_groups": []}, tmp_path / "optim_000010.pt")
    (tmp_path / "meta_000010.json").write_text('{"model_config": {"n_embd": 4}}')
    with pytest.raises(BadInput, match="nanochat's model, which is not computed here"):
        detect(str(tmp_path))
    with pytest.raises(BadInput, match=r"optim_000010\.pt holds the state of an optimizer"):
        detect(str(tmp_path / "optim_000010.pt"))
