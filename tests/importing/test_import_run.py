"""An imported model says exactly what its original says, and a run that is not whole is never left."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from slm.errors import BadInput
from slm.generation.sampler import Sampling, complete
from slm.importing.detect import detect
from slm.importing.import_run import import_run
from slm.interp.self_checks import check
from slm.model import functional
from slm.model.config import ModelConfig
from slm.model.hooked import hooked
from slm.model.weights import initialise
from slm.runs import Checkpoint, list_runs, load_checkpoint, open_run
from slm.stories.tokenizer import END, Tokenizer
from slm.training import job
from slm.training.spec import ResumeSpec
from tests.importing.conftest import lively

KINDS = ("gpt2", "gpt_neo", "llama", "llama-tied")
CLOSE = 1e-4


def imported(path: Path | str, **how: Any) -> Checkpoint:
    import_run(detect(str(path), **how), "theirs")
    return load_checkpoint("theirs")


def largest_difference(checkpoint: Checkpoint, original: Any, d_vocab: int) -> float:
    tokens = torch.randint(0, d_vocab, (2, 36), generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        theirs = original(tokens)
        return float((functional.logits(checkpoint.weights, tokens) - theirs).abs().max())


@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_those_of_transformers(save: Any, kind: str) -> None:
    folder, model = save(kind)
    checkpoint = imported(folder)
    config = checkpoint.config
    assert largest_difference(checkpoint, lambda t: model(t).logits, config.d_vocab) < CLOSE
    assert list_runs()[0].status == "imported" and str(checkpoint.address) == "theirs@0"
    assert open_run("theirs").info.imported["parameters"] == model.num_parameters()


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("gpt2", {"reorder_and_upcast_attn": True, "scale_attn_weights": False}),
        ("gpt2", {"activation_function": "gelu", "layer_norm_epsilon": 1e-2}),
        ("gpt2", {"activation_function": "gelu_pytorch_tanh", "tie_word_embeddings": False}),
        ("gpt_neo", {"activation_function": "relu", "attention_types": [[["global"], 4]]}),
        ("llama", {"attention_bias": False, "hidden_act": "gelu", "rms_norm_eps": 1e-2}),
        ("llama", {"layer_types": ["full_attention"] * 2}),
    ],
)
def test_logits_are_those_of_transformers_at_every_value_that_is_read(
    save: Any, kind: str, changes: dict[str, Any]
) -> None:
    if "layer_types" in changes:  # written by other models than Llama's, which has no other kind
        folder, model = save(kind)
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    else:
        folder, model = save(kind, changes=changes)
    checkpoint = imported(folder)
    assert largest_difference(checkpoint, lambda t: model(t).logits, 500) < CLOSE


def test_every_check_of_trust_holds_for_a_grouped_llama(save: Any) -> None:
    checkpoint = imported(save("llama")[0])
    assert all(one.holds for one in check(checkpoint, "Tom went to the park."))


@pytest.mark.parametrize("how", ["pickle", "sharded", "half"])
def test_every_way_to_save_a_folder_is_read(save: Any, how: str) -> None:
    folder, model = save("gpt_neo", **({"max_shard_size": "20KB"} if how == "sharded" else {}))
    if how == "pickle":
        (folder / "model.safetensors").unlink()
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
    if how == "sharded":
        assert len(list(folder.glob("model-*.safetensors"))) > 1
    if how == "half":
        model.half().save_pretrained(folder)
        model.float()
    checkpoint = imported(folder)
    assert largest_difference(checkpoint, lambda t: model(t).logits, 500) < CLOSE


@pytest.mark.parametrize("pickle", [True, False])
@pytest.mark.parametrize("before", ["_orig_mod.", "module.", "module._orig_mod."])
def test_names_that_compiling_and_parallel_training_left_are_read(
    save: Any, before: str, pickle: bool
) -> None:
    from safetensors.torch import save_file

    folder, model = save("llama")
    state = {before + name: tensor for name, tensor in model.state_dict().items()}
    (folder / "model.safetensors").unlink()
    if pickle:
        torch.save(state, folder / "pytorch_model.bin")
    else:
        save_file(state, folder / "model.safetensors")
    checkpoint = imported(folder)
    assert largest_difference(checkpoint, lambda t: model(t).logits, 500) < CLOSE


@pytest.mark.parametrize("pickle", [True, False])
@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2, torch.int8])
def test_numbers_that_are_not_read_are_named(save: Any, dtype: torch.dtype, pickle: bool) -> None:
    from safetensors.torch import save_file

    folder, model = save("gpt2", changes={"tie_word_embeddings": False})
    state = {name: tensor.to(dtype) for name, tensor in model.state_dict().items()}
    (folder / "model.safetensors").unlink()
    if pickle:
        torch.save(state, folder / "pytorch_model.bin")
    else:
        save_file(state, folder / "model.safetensors")
    named = "float8|int8" if pickle else "F8_E4M3|F8_E5M2|I8"
    with pytest.raises(
        BadInput, match=rf"'wte\.weight' is stored as ({named}).*F64, F32, F16, BF16"
    ):
        detect(str(folder))


def test_a_name_that_is_there_twice_is_refused(save: Any) -> None:
    folder, model = save("gpt2")
    state = dict(model.state_dict())
    state["wte.weight"] = state["transformer.wte.weight"] + 1
    (folder / "model.safetensors").unlink()
    torch.save(state, folder / "pytorch_model.bin")
    with pytest.raises(BadInput, match=r"the weights hold 'wte\.weight' twice"):
        detect(str(folder))


@pytest.mark.parametrize("kind", ["gpt2", "llama-tied"])
def test_an_unembedding_that_is_said_to_be_tied_and_is_not_is_refused(save: Any, kind: str) -> None:
    from safetensors.torch import save_file

    folder, model = save(kind)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    save_file(state, folder / "model.safetensors")
    assert detect(str(folder)).config.tied
    state["lm_head.weight"] += 1.0
    save_file(state, folder / "model.safetensors")
    with pytest.raises(BadInput, match=r"tie_word_embeddings must be false, as 'lm_head\.weight'"):
        detect(str(folder))
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tie_word_embeddings": False}))
    checkpoint = imported(folder)
    original = type(model).from_pretrained(folder)
    assert largest_difference(checkpoint, lambda t: original(t).logits, 500) < CLOSE


def test_a_padded_vocabulary_keeps_its_tokenizer(save: Any, tokenizer: Tokenizer) -> None:
    checkpoint = imported(save("gpt2", pad=7)[0])
    assert checkpoint.config.d_vocab == checkpoint.tokenizer.d_vocab == tokenizer.d_vocab + 7
    assert checkpoint.tokenizer.to_str_tokens([tokenizer.d_vocab + 6]) == [
        f"<{tokenizer.d_vocab + 6}>"
    ]
    assert checkpoint.tokenizer.encode_story("Tom ran.") == tokenizer.encode_story("Tom ran.")
    assert complete(checkpoint, ["Tom"], Sampling(max_tokens=5))[0].tokens


def test_what_is_found_is_told_before_anything_is_written(save: Any, runs: Path) -> None:
    found = detect(str(save("llama")[0]))
    assert found.kind == "Llama (Hugging Face)" and found.config.shape == "24x2x6"
    assert found.config.gated_mlp and any("gate" in note for note in found.notes)
    assert not runs.exists()


@pytest.mark.parametrize("kind", ["ours", "llama", "folded"])
@pytest.mark.parametrize("ending", [".pt", ".safetensors"])
def test_a_transformerlens_state_dict_comes_back(
    tmp_path: Path, tokenizer: Tokenizer, kind: str, ending: str
) -> None:
    from safetensors.torch import save_file
    from transformer_lens import HookedTransformer, HookedTransformerConfig

    if kind == "llama":
        model = lively(
            HookedTransformer(
                HookedTransformerConfig(
                    d_model=24,
                    d_head=4,
                    n_heads=6,
                    n_key_value_heads=2,
                    n_layers=2,
                    n_ctx=40,
                    d_mlp=44,
                    d_vocab=tokenizer.d_vocab,
                    act_fn="silu",
                    gated_mlp=True,
                    normalization_type="RMS",
                    final_rms=True,
                    positional_embedding_type="rotary",
                    device="cpu",
                )
            )
        )
    else:
        ours = ModelConfig(
            d_model=16, n_layers=2, n_heads=2, d_vocab=tokenizer.d_vocab, n_ctx=40, local_window=9
        )
        weights = initialise(ours, 0)
        with torch.no_grad():
            for _, leaf in weights.named_parameters():
                leaf.add_(torch.randn(leaf.shape, generator=torch.Generator().manual_seed(1)) * 0.1)
        model = hooked(weights)
        if kind == "folded":
            model = copy.deepcopy(model)  # views share storage, which folding would write twice
            model.process_weights_()
    state = {name: tensor.contiguous().clone() for name, tensor in model.state_dict().items()}
    described = json.dumps(model.cfg.to_dict(), default=str)
    tokenizer.save(tmp_path / "tokenizer.json")
    path = tmp_path / f"theirs{ending}"
    if ending == ".pt":  # the configuration as it is, numbers of numpy and a torch.dtype within
        torch.save({"state_dict": state, "cfg": dict(model.cfg.to_dict())}, path)
    else:
        save_file(state, path)
        (tmp_path / "theirs.json").write_text(described)
    checkpoint = imported(path)
    assert largest_difference(checkpoint, model, tokenizer.d_vocab) < CLOSE
    assert checkpoint.config.tied == (kind == "ours")


def test_what_is_said_of_a_tokenizer_is_kept_with_the_run(save: Any) -> None:
    folder, _ = save("gpt2")
    path = folder / "tokenizer.json"
    path.write_text(
        json.dumps(json.loads(path.read_text()) | {"normalizer": {"type": "Lowercase"}})
    )
    checkpoint = imported(folder)
    (note,) = open_run("theirs").info.imported["notes"]
    assert "Its tokenizer changes texts: ' Tom' is read as ' tom'" in note
    assert complete(checkpoint, ["TOM"], Sampling(max_tokens=3))[0].tokens


def test_a_taken_name_and_a_name_that_leaves_the_runs_are_refused(save: Any, runs: Path) -> None:
    found = detect(str(save("gpt2")[0]))
    import_run(found, "theirs")
    with pytest.raises(BadInput, match="there is a run 'theirs' already"):
        import_run(found, "theirs")
    with pytest.raises(BadInput, match="a run's name is"):
        import_run(found, "../theirs")
    assert [path.name for path in runs.iterdir()] == ["theirs"]


def test_a_number_that_is_none_leaves_nothing(save: Any, runs: Path) -> None:
    folder, model = save("gpt2")
    with torch.no_grad():
        model.transformer.h[1].mlp.c_fc.weight[3, 3] = float("nan")
    model.save_pretrained(folder)
    with pytest.raises(BadInput, match=r"'h\.1\.mlp\.c_fc\.weight' holds numbers that are not"):
        import_run(detect(str(folder)), "theirs")
    assert not runs.exists() or not list(runs.iterdir())


def test_a_full_disk_leaves_nothing(save: Any, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = detect(str(save("gpt2")[0]))

    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("slm.model.weights.save_file", full_disk)
    with pytest.raises(OSError, match="No space"):
        import_run(found, "theirs")
    assert not list(runs.iterdir()) and not list_runs()


def test_an_imported_run_is_not_resumed(save: Any) -> None:
    imported(save("gpt2")[0])
    with pytest.raises(BadInput, match="was not trained here, so it cannot be resumed"):
        next(job.resume(ResumeSpec(name="theirs"), stop=lambda: False))


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"model_type": "mamba"}, "one of gpt2, gpt_neo, llama, not 'mamba'"),
        ({"vocab_size": 128_256}, "at most 65,536 of them, not 128,256"),
        ({"num_hidden_layers": 10**7}, "n_layers must be a whole number"),
        ({"num_hidden_layers": 1000}, "1000 layers do not lie in"),
        ({"num_hidden_layers": 3}, r"lack 'layers\.2"),
        ({"hidden_size": 2**70}, "hidden_size must be a whole number"),
        ({"hidden_size": 48}, "must be"),
        ({"num_key_value_heads": 4}, "multiple of its 4 key heads"),
        ({"rope_scaling": {"rope_type": "llama3"}, "rope_parameters": None}, "scaled by 'llama3'"),
        ({"hidden_act": "tanh"}, "hidden_act is one of"),
        ({"head_dim": 8}, "head_dim must be"),
        ({"attention_bias": False}, r"hold 'layers\.0\.self_attn\.\w_proj\.bias'"),
        ({"rms_norm_eps": "small"}, "rms_norm_eps must be a number"),
    ],
)
def test_a_configuration_that_is_not_the_weights_is_refused(
    save: Any, changes: dict[str, Any], rule: str
) -> None:
    folder, _ = save("llama")
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(BadInput, match=rule) as caught:
        detect(str(folder))
    assert "\n" not in str(caught.value)


def test_a_model_without_a_tokenizer_takes_one_that_is_given(
    save: Any, tmp_path: Path, tokenizer: Tokenizer
) -> None:
    folder, _ = save("gpt2")
    (folder / "tokenizer.json").rename(tmp_path / "tokenizer.json")
    with pytest.raises(
        BadInput, match=r"GPT-2 .* of 16x2x4, without a tokenizer: give one with --tokenizer"
    ):
        detect(str(folder))
    found = detect(str(folder), tokenizer=str(tmp_path / "tokenizer.json"))
    assert found.tokenizer.to_str_tokens([found.tokenizer.opening]) == [END]


def test_gpt2s_vocabulary_without_a_tokenizer_asks_the_hub_for_gpt2s(
    save: Any, tokenizer: Tokenizer
) -> None:
    folder, _ = save("gpt_neo", pad=50_257 - tokenizer.d_vocab)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(BadInput, match=r"--tokenizer gives one.*out of reach") as caught:
        detect(str(folder))
    assert "\n" not in str(caught.value)
