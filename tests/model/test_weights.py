"""Weights on disk and under TransformerLens' names: shared storage, whole files, clear refusals."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from slm.errors import BadInput
from slm.model.config import ModelConfig
from slm.model.hooked import hooked
from slm.model.weights import initialise, load, save

CONFIG = ModelConfig(d_model=8, n_layers=2, n_heads=2, d_vocab=20, n_ctx=6)


@pytest.mark.parametrize("tied", [True, False])
def test_what_is_saved_is_loaded(tmp_path: Path, tied: bool) -> None:
    config = replace(CONFIG, tied=tied)
    weights = initialise(config, 3)
    save(weights, tmp_path / "w.safetensors", dtype=torch.float32)
    loaded = load(tmp_path / "w.safetensors", config)
    for (name, leaf), (_, again) in zip(
        weights.named_parameters(), loaded.named_parameters(), strict=True
    ):
        assert torch.equal(leaf, again), name


def test_the_disk_speaks_transformerlens(tmp_path: Path) -> None:
    save(initialise(CONFIG, 0), tmp_path / "w.safetensors")
    stored = load_file(tmp_path / "w.safetensors")
    assert stored["blocks.1.attn.W_Q"].shape == (2, 8, 4)
    assert stored["blocks.0.attn.W_O"].shape == (2, 4, 8)
    assert stored["blocks.0.mlp.W_in"].dtype == torch.float16
    assert "unembed.W_U" not in stored  # tied


def test_the_hooked_model_is_the_trained_one() -> None:
    weights = initialise(CONFIG, 0)
    model = hooked(weights)
    with torch.no_grad():
        weights.blocks[1].W_QKV[3, 0] = 42.0  # W_Q of head 0, from input 3 to output 0
        weights.W_E[5, 2] = 43.0
    assert model.blocks[1].attn.W_Q[0, 3, 0].item() == 42.0
    assert model.W_E[5, 2].item() == 43.0
    assert model.W_U[2, 5].item() == 43.0


def test_the_same_seed_draws_the_same_weights_whatever_else_draws() -> None:
    first = initialise(CONFIG, 7)
    torch.rand(10)
    assert torch.equal(first.blocks[0].W_in, initialise(CONFIG, 7).blocks[0].W_in)
    assert not torch.equal(first.W_E, initialise(CONFIG, 8).W_E)


@pytest.mark.parametrize("n_layers", [1, 8])
@pytest.mark.parametrize("gated_mlp", [False, True])
def test_matrices_are_drawn_with_gpt2s_spread_and_residual_writers_with_less(
    n_layers: int, gated_mlp: bool
) -> None:
    config = ModelConfig(
        d_model=128, n_layers=n_layers, n_heads=2, d_vocab=512, tied=False, gated_mlp=gated_mlp
    )
    for name, parameter in initialise(config, 5).named_parameters():
        kind = name.rsplit(".", 1)[-1]
        if kind.startswith("W_"):
            std = 0.02 / (2 * n_layers) ** 0.5 if kind in ("W_O", "W_out") else 0.02
            assert parameter.std().item() == pytest.approx(std, rel=0.03), name
            assert abs(parameter.mean().item()) < 0.05 * std, name
            share_within = (parameter.abs() < std).float().mean().item()
            assert share_within == pytest.approx(0.6827, abs=0.02), name  # a normal's
        else:
            assert parameter.eq(1.0 if kind.endswith("_w") else 0.0).all(), name


def test_every_matrix_is_drawn_anew() -> None:
    weights = initialise(ModelConfig(d_model=16, n_layers=2, n_heads=2, d_vocab=64), 0)
    assert not weights.blocks[0].W_in.equal(weights.blocks[1].W_in)


def test_a_cut_file_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save(initialise(CONFIG, 0), path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(BadInput, match="not a whole safetensors file") as caught:
        load(path, CONFIG)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not weights at all", b"\xff" * 100])
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    with pytest.raises(BadInput):
        load(path, CONFIG)


def test_another_shape_is_refused_by_the_tensor_that_differs(tmp_path: Path) -> None:
    save(initialise(CONFIG, 0), tmp_path / "w.safetensors")
    with pytest.raises(BadInput, match="embed"):
        load(tmp_path / "w.safetensors", replace(CONFIG, d_vocab=21))
    with pytest.raises(BadInput, match=r"no 'blocks\.2"):
        load(tmp_path / "w.safetensors", replace(CONFIG, n_layers=3))
    save_file({"a": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(BadInput, match="not a checkpoint"):
        load(tmp_path / "foreign.safetensors", CONFIG)


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "w.safetensors"
    save(initialise(CONFIG, 0), path)
    before = path.read_bytes()

    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("slm.model.weights.save_file", full_disk)
    with pytest.raises(OSError, match="No space"):
        save(initialise(CONFIG, 1), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
