"""Shapes: what they are called, what they count up to, and which make no model."""

import pytest

from slm.errors import BadInput
from slm.model.config import PRESETS, ModelConfig, count_parameters, parse_shape
from slm.model.weights import empty


@pytest.mark.parametrize("name", PRESETS)
def test_the_parameter_count_is_the_number_of_trained_numbers(name: str) -> None:
    config = PRESETS[name]
    there = sum(leaf.numel() for _, leaf in empty(config, "meta").named_parameters())
    assert count_parameters(config).total == there


def test_a_one_layer_model_counts_as_worked_out_by_hand() -> None:
    config = ModelConfig(d_model=2, n_layers=1, n_heads=1, d_vocab=5, n_ctx=3)
    count = count_parameters(config)
    assert (count.embedding, count.position) == (10, 6)
    assert count.attention == 4 * 4 + 4 * 2
    assert count.mlp == 2 * 8 + 8 + 8 * 2 + 2
    assert count.norm == 2 * 4 + 4
    assert count.unembedding == 5  # tied: only b_U


def test_a_llama_counts_as_worked_out_by_hand() -> None:
    config = ModelConfig(
        d_model=4,
        n_layers=1,
        n_heads=2,
        d_vocab=5,
        n_ctx=3,
        tied=False,
        normalization_type="RMS",
        positional_embedding_type="rotary",
        act_fn="silu",
        gated_mlp=True,
        mlp_width=11,
    )
    count = count_parameters(config)
    assert count.position == 0
    assert count.mlp == 3 * 4 * 11 + 11 + 4
    assert count.norm == 3 * 4
    assert count.unembedding == 20 + 5
    assert count.total == sum(leaf.numel() for _, leaf in empty(config, "meta").named_parameters())


def test_a_shape_reads_as_width_depth_heads() -> None:
    assert parse_shape("64x8x16") == (64, 8, 16)
    assert PRESETS["deep-narrow"].shape == "64x8x16"


@pytest.mark.parametrize("text", ["", "64", "64x8", "64x8x", "ax8x4", "64x8x4x1", "-64x8x4"])
def test_what_is_no_shape_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadInput, match="a shape is"):
        parse_shape(text)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"n_heads": 3}, "n_heads must divide d_model"),
        ({"d_vocab": 70_000}, "a model has a vocabulary of 2 to 65,536 tokens, not 70,000"),
        ({"n_layers": 0}, "n_layers must be"),
        ({"local_window": 0}, "local_window"),
        ({"mlp_width": 0}, "mlp_width must be"),
        ({"positional_embedding_type": "rotary", "n_heads": 16}, "even d_head"),
        ({"positional_embedding_type": "rotary", "rotary_base": 0.0}, "rotary_base must be"),
    ],
)
def test_sizes_that_make_no_model_name_the_rule(changes: dict[str, object], rule: str) -> None:
    sizes = {"d_model": 16, "n_layers": 1, "n_heads": 2, "d_vocab": 100} | changes
    with pytest.raises(BadInput, match=rule):
        ModelConfig(**sizes)  # type: ignore[arg-type]


def test_a_configuration_written_before_there_were_other_kinds_is_gpt2s() -> None:
    config = ModelConfig.from_json({"d_model": 16, "n_layers": 1, "n_heads": 2, "d_vocab": 100})
    assert (config.normalization_type, config.act_fn, config.rotary) == ("LN", "gelu_new", False)
    assert config.d_mlp == 64


def test_a_configuration_survives_json_and_unknown_fields_do_not() -> None:
    config = PRESETS["paper-1M"]
    assert ModelConfig.from_json(config.to_json()) == config
    with pytest.raises(BadInput, match="unknown field"):
        ModelConfig.from_json(config.to_json() | {"rotary": True})
    with pytest.raises(BadInput, match="incomplete"):
        ModelConfig.from_json({"d_model": 4})


def test_the_presets_have_the_shapes_that_their_runs_are_named_after() -> None:
    ours = {name: preset for name, preset in PRESETS.items() if not name.startswith("paper")}
    assert {name: (preset.shape, preset.d_vocab) for name, preset in ours.items()} == {
        "quick": ("64x2x4", 2048),
        "one-layer": ("128x1x16", 2048),
        "deep-narrow": ("64x8x16", 2048),
        "four-layer": ("128x4x8", 2048),
        "storyteller": ("256x4x8", 4096),
    }


def test_every_second_layer_attends_within_a_local_window() -> None:
    config = ModelConfig(d_model=4, n_layers=4, n_heads=2, d_vocab=5, n_ctx=16, local_window=8)
    assert [config.window(layer) for layer in range(4)] == [None, 8, None, 8]


def test_a_rotary_base_is_above_1() -> None:
    shape = {"d_model": 4, "n_layers": 1, "n_heads": 2, "d_vocab": 5}
    rotary = ModelConfig(**shape, positional_embedding_type="rotary", rotary_base=1.5)
    assert rotary.rotary_base == 1.5
    with pytest.raises(BadInput, match="rotary_base must be above 1"):
        ModelConfig(**shape, positional_embedding_type="rotary", rotary_base=1.0)
