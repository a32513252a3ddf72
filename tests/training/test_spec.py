"""A training's specification: what it refuses, and that JSON and paths keep its meaning."""

import json
from pathlib import Path
from typing import Any

import pytest

from slm.errors import BadInput
from slm.model.config import PRESETS, ModelConfig
from slm.recipe import Recipe
from slm.training.spec import ResumeSpec, TrainingSpec, spec_from_json

QUICK = PRESETS["quick"]


@pytest.mark.parametrize(
    "spec",
    [
        TrainingSpec(name="a", config=PRESETS["paper-1M"], minutes=0.5, device="cuda"),
        TrainingSpec(name="b", parent="a@5", corpus="nursery:20", recipe=Recipe(seed=2**64 - 1)),
        TrainingSpec(name="c", config=QUICK, corpus="tinystories", valid="/there/valid.txt"),
        TrainingSpec(name="c2", config=QUICK, without=("Words", "Summary")),
        ResumeSpec(name="d"),
        ResumeSpec(name="e", corpus="/moved.txt", valid="/valid.txt", device="cpu"),
    ],
)
def test_json_keeps_every_field(spec: TrainingSpec | ResumeSpec) -> None:
    assert spec_from_json(json.loads(json.dumps(spec.to_json())), "it") == spec


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"name": "a/b", "config": QUICK}, "a run's name is"),
        ({}, "needs the shape of a new model, or a parent"),
        ({"config": QUICK, "parent": "a"}, "has the parent's shape"),
        ({"parent": "a@x"}, "an address is run or run@step"),
        ({"config": QUICK, "corpus": " "}, "needs a corpus"),
        ({"config": QUICK, "without": ("Story",)}, "a record's fields are"),
        ({"config": QUICK, "minutes": 0.0}, "minutes must be above 0"),
        ({"config": QUICK, "minutes": 1e6}, "minutes must be above 0"),
        ({"config": QUICK, "minutes": float("nan")}, "minutes must be above 0"),
        (
            {"config": ModelConfig(d_model=8, n_layers=1, n_heads=1, d_vocab=512, n_ctx=1)},
            "at least 2 tokens",
        ),
        (
            {"config": ModelConfig(d_model=8, n_layers=1, n_heads=1, d_vocab=511)},
            "512 to 16,384 tokens, not 511",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused_with_its_rule(fields: dict[str, Any], rule: str) -> None:
    with pytest.raises(BadInput, match=rule):
        TrainingSpec(**{"name": "r"} | fields)


def test_what_just_can_be_trained_is_taken() -> None:
    smallest = ModelConfig(d_model=8, n_layers=1, n_heads=1, d_vocab=512, n_ctx=2)
    TrainingSpec(name="r", config=smallest, minutes=999_999.0)


def test_paths_mean_the_same_in_every_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = TrainingSpec(name="r", config=QUICK, corpus="a.txt:lines", valid="b.txt")
    assert (spec.corpus, spec.valid) == (f"{tmp_path}/a.txt:lines", f"{tmp_path}/b.txt")
    resumed = ResumeSpec(name="r", corpus="a.txt")
    assert (resumed.corpus, resumed.valid) == (f"{tmp_path}/a.txt", None)


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        ({}, "the file: it must be an object"),
        ({"train": {"name": "r"}}, "the file: a training needs the shape"),
        ({"train": {"name": "r", "parent": 5}}, "the file: parent must be"),
        ({"resume": {}}, "the file: name is missing"),
    ],
)
def test_json_that_specifies_nothing_is_one_line(data: dict[str, Any], wrong: str) -> None:
    with pytest.raises(BadInput, match=wrong):
        spec_from_json(data, "the file")
