"""The command line under a figure is one that runs, whatever the text."""

import inspect
import json
import shlex
import typing
from collections.abc import Callable
from pathlib import Path

import pytest

from app import commands
from slm.cli import main, parser
from slm.generation.sampler import Sampling
from slm.generation.side_by_side import ModelCompletions, SideBySide
from tests.app.conftest import Open

TEXT = "--json 'quoted' \"twice\" $HOME\n-n =1"
EVERY = [
    made
    for name, made in inspect.getmembers(commands, inspect.isfunction)
    if made.__module__ == commands.__name__ and not name.startswith("_") and name != "line"
]
OF_TYPE: dict[object, object] = {
    str: TEXT,
    int: 7,
    int | None: 7,
    str | None: TEXT,
    bool: False,
    Sampling: Sampling(top_k=3, top_p=0.5),
    SideBySide: SideBySide(
        prompt=TEXT,
        temperatures=(0.0, 1.0),
        sampling=Sampling(top_k=3, top_p=0.5),
        models=(
            ModelCompletions(
                address="tiny@0",
                shape="1x1x1",
                parameters=1,
                vocabulary=1,
                val_loss=None,
                completions=(),
            ),
        ),
    ),
}
NAMED = {
    "address": "tiny@0",
    "a": "tiny@0",
    "b": "tiny@10",
    "addresses": ["tiny@0", "tiny@10"],
    "runs": ["tiny"],
    "run": "tiny",
    "name": "grid",
    "other": "a prompt",
    "by": "token",
    "value": " -park",
    "replacement": "zero",
    "parts": ["2.1", "0.n17=0.5"],
}


@pytest.mark.parametrize("made", EVERY, ids=lambda made: made.__name__)
def test_the_parser_reads_every_value_back(made: Callable[..., commands.Command]) -> None:
    types = typing.get_type_hints(made)
    given = {
        name: NAMED.get(name, OF_TYPE.get(types[name]))
        for name in inspect.signature(made).parameters
    }
    words = shlex.split(commands.line(made(**given)))
    assert words[:3] == ["python", "-m", "slm"]
    read = vars(parser().parse_args(words[3:]))
    assert read["json"] is True
    if "text" in given:
        assert read["text"] == TEXT
    if "sampling" in given:
        assert read["seed"] == 0 and read["max_tokens"] == 200
    for name in ("layer", "neuron", "stories", "corpus", "foil", "target", "k"):
        if name in given and name in read:
            assert read[name] == given[name], name


def test_commands_print_json_about_the_model_that_was_shown(
    same_two_runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "Tom went to the park."
    shown = [
        commands.attention("tiny@10", text),
        commands.predict("tiny@10", text, 3),
        commands.ablate("tiny@10", "Tom went to the", " park", "mean"),
        commands.neuron("tiny@10", 0, 1, built=False),
        commands.top_activations("tiny@10", 0, 1, 3, built=False, strongest=False),
        commands.find_neurons("tiny@10", "rare", built=False),
        commands.regenerate("tiny@10", "Tom went", ["0.1"], Sampling(max_tokens=5)),
    ]
    for command in shown:
        assert main(shlex.split(commands.line(command))[3:]) == 0, command
        assert json.loads(capsys.readouterr().out)["address"] == "tiny@10"
    assert main([*commands.curves(["tiny"]), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == ["tiny"]


VIEWS: list[tuple[str, dict[str, str]]] = [
    ("attention", {}),
    ("attention", {"attention.view": "Figures 6 to 8"}),
    ("neurons", {}),
    ("neurons", {"neurons.view": "Distribution"}),
    ("neurons", {"neurons.view": "Logit effect"}),
    ("neurons", {"neurons.view": "On my text"}),
    ("neurons", {"neurons.view": "Find neurons", "neurons.find": "rarest"}),
    ("predictions", {}),
    ("predictions", {"predictions.view": "Logit lens"}),
    ("predictions", {"predictions.view": "Direct logit attribution"}),
    ("predictions", {"predictions.view": "Ablation"}),
    (
        "predictions",
        {"predictions.view": "Intervene and regenerate", "predictions.interventions": "0.1"},
    ),
    ("compare", {}),
    ("train", {"train.run": "tiny"}),
    ("grid", {"grid.view": "Curves"}),
    ("knowledge", {}),
]


@pytest.mark.parametrize(("page", "view"), VIEWS, ids=str)
def test_a_view_shows_a_command_that_the_parser_takes(
    page: str, view: dict[str, str], open_page: Open, same_two_runs: Path
) -> None:
    app = open_page(page, a="tiny@10", **view)
    shown = [code.value for code in app.code if code.value.startswith("python -m slm")]
    assert shown
    for line in shown:
        chosen = vars(parser().parse_args(shlex.split(line)[3:]))
        assert chosen["json"] is True
        assert "tiny" in str([chosen.get(name) for name in ("address", "addresses", "runs")])
