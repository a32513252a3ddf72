"""The JSON under a figure is what the command line beside it prints, perhaps with more around it."""

import json
import math
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from app.views.writing.branching import LiveBranches
from app.widgets import show
from slm.cli import main
from slm.generation.sampler import Sampling
from slm.runs import load_checkpoint
from slm.text import as_json
from tests.app.conftest import Open

TEXT = {
    "story": "My own text",
    "text": "One day, Tom had a ball. It was the ball of Amy. Tom was happy.",
}
PATCHED = {**TEXT, "view": "Filled in", "replace": "Tom", "by": "Ben", "token": 5}


def contains(whole: Any, part: Any) -> bool:
    """Whether `whole` holds all that `part` does, whatever else its objects hold."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            name in whole and contains(whole[name], value) for name, value in part.items()
        )
    if isinstance(part, list):
        return (
            isinstance(whole, list) and len(whole) == len(part) and all(map(contains, whole, part))
        )
    if isinstance(part, float) and isinstance(whole, float):
        return math.isclose(whole, part, rel_tol=1e-4, abs_tol=2e-5)
    return bool(whole == part)


def printed(capsys: pytest.CaptureFixture[str], command: Sequence[str]) -> Any:
    capsys.readouterr()
    assert main([*command, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    "page, link, names",
    [
        ("attention", {}, ["attention-tiny@10-layer0-head0"]),
        ("attention", {"view": "Figures 6 to 8"}, ["query-keys-tiny@10"]),
        (
            "writing",
            {"view": "Models side by side", "tokens": 5},
            ["completions-other@0-tiny@10"],
        ),
        ("predictions", {"token": 9}, ["prediction-tiny@10-token9"]),
        ("predictions", {"token": 9, "view": "Parts"}, ["parts-tiny@10-token9"]),
        (
            "predictions",
            {"token": 9, "view": "Switched off", "replacement": "zero"},
            ["without-tiny@10-token9-zero"],
        ),
        ("predictions", PATCHED, ["restored-tiny@10-token5-hook_resid_pre"]),
        (
            "predictions",
            {"view": "Written again", "token": 9, "off": "0.1 0.n3=2", "tokens": 5},
            ["rewritten-tiny@10-token9-seed0"],
        ),
        (
            "neurons",
            {"layer": 1, "neuron": 7},
            ["neuron-tiny@10-layer1-7"],
        ),
        (
            "neurons",
            {"layer": 1, "neuron": 7, "show": "Distribution"},
            ["spread-tiny@10-layer1-7"],
        ),
        ("heads", {"told": 16}, ["map-tiny@10", "card-tiny@10-layer0-head0"]),
        ("roles", {"stories": 20}, ["roles-by-layer-tiny@10"]),
        (
            "roles",
            {"view_roles": "The protagonist test", "mentioning": 20},
            ["protagonist-stories-tiny@10-"],
        ),
        ("knowledge", {}, ["knowledge-tiny@10"]),
        ("compare", {"compare": "Curves"}, ["curves-tiny"]),
        ("compare", {"compare": "Development"}, ["learned-tiny", "development-tiny-"]),
    ],
)
def test_the_page_holds_what_the_command_prints(
    page: str,
    link: dict[str, object],
    names: list[str],
    open_page: Open,
    same_two_runs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = opened(open_page, monkeypatch, page, a="tiny", **link)
    for begin in names:
        everything, command = next(shown[name] for name in shown if name.startswith(begin))
        whole = json.loads(as_json(everything()))
        part = printed(capsys, command)
        assert contains(whole[0] if isinstance(whole, list) else whole, part)


@pytest.mark.parametrize("view", ["Stories", "Heads", "Neurons", "Layers"])
def test_each_view_of_a_comparison_is_a_part_of_what_the_command_prints(
    view: str,
    open_page: Open,
    same_two_runs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(
        same_two_runs / "tiny", same_two_runs / "twin"
    )  # heads of random models match none
    shown = opened(open_page, monkeypatch, "compare", a="tiny", b="twin", compare=view)
    everything, command = next(
        one for name, one in shown.items() if name.endswith("-tiny@10-twin@10")
    )
    part = json.loads(as_json(everything()))
    assert len(part) > 2 and contains(printed(capsys, command), part)


def test_a_branch_is_saved_as_the_command_prints_it(
    same_two_runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sampling = Sampling(max_tokens=8, seed=5, alternatives=3)
    stories = LiveBranches(load_checkpoint("tiny"), "Tom", sampling)
    (branch,) = json.loads(as_json(stories.to_json()))["branches"]
    command = ["sample", "tiny", "--prompt=Tom", "--max-tokens=8", "--seed=5", "--alternatives=3"]
    assert contains(branch, printed(capsys, command))


def opened(
    open_page: Open, monkeypatch: pytest.MonkeyPatch, page: str, **link: object
) -> dict[str, tuple[Callable[[], object], Sequence[str]]]:
    """What stands under each figure of a page, once nothing is being computed on it."""
    shown: dict[str, tuple[Callable[[], object], Sequence[str]]] = {}

    def footer(*, name: str, everything: Any = None, command: Any = (), **rest: object) -> None:
        if everything and command:
            shown[name] = everything, command

    monkeypatch.setattr(show, "footer", footer)
    app = open_page(page, **link)
    until = time.monotonic() + 60
    while any(button.key.startswith("cancel-") for button in app.button if button.key):
        assert time.monotonic() < until
        time.sleep(0.2)
        app.run()
    assert not app.exception and not app.error
    return shown
