"""What a link carries: every control of every page goes through it, and earlier links still open."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Widget

from app.state import (
    PAGES,
    AttentionState,
    CompareState,
    ImportsState,
    PageState,
    PredictionsState,
    RolesState,
    translated,
)
from tests.app.conftest import ROOT, Open

NOT_IN_LINKS = {
    "server": "nobody else shall choose where a key is sent",
    "secret": "a key is a secret",
    "cap": "nobody else shall choose what a judge may cost",
    "knowing-cap": "nobody else shall choose what a judge may cost",
    "explain-cap": "nobody else shall choose what a judge may cost",
}
ACTS = ("verdict-", "own-", "model.")
"""Widgets that do something to a run or a story, and the models, which every link names as a and b;
and the neuron picked among the protagonist test's, which no link names yet."""
TEXTS = {
    "roles.tested": "1.0",
    "roles.neuron.a": "1.0",
    "roles.neuron.b": "0.1",
    "predictions.interventions": "0.1",
    "glossary.term": "nats",
}
TYPES = (
    "selectbox",
    "multiselect",
    "button_group",
    "number_input",
    "text_input",
    "text_area",
    "slider",
    "select_slider",
    "toggle",
    "checkbox",
)
VIEWS: list[tuple[str, dict[str, Any]]] = [
    ("glossary", {}),
    *(
        ("stories", {"view": view, "source": "the shipped stories"})
        for view in ("", "Search", "Loss")
    ),
    ("train", {}),
    ("train", {"shape": "my own shape", "corpus": "a file on this machine", "path": "x.txt"}),
    ("train", {"start": "a checkpoint", "budget": "tokens"}),
    ("imports", {}),
    *(("compare", {"view": view}) for view in ("", "Curves", "Stories", "Heads", "Layers")),
    ("compare", {"view": "Development"}),
    *(("grid", {"view": view}) for view in ("", "Curves", "Sweep")),
    ("attention", {}),
    ("attention", {"story": "My own text"}),
    ("attention", {"view": "Figures 6 to 8"}),
    ("heads", {}),
    *(
        ("neurons", {"view": view})
        for view in ("", "Top activations", "Distribution", "On my text", "Find neurons")
    ),
    *(
        ("roles", {"view": view})
        for view in ("", "Roles", "The protagonist test", "Explained by a judge")
    ),
    *(
        ("predictions", {"view": view})
        for view in (
            "",
            "Logit lens",
            "Ablation",
            "Activation patching",
            "Intervene and regenerate",
        )
    ),
    ("writing", {}),
    ("writing", {"opening": "My own text"}),
    ("writing", {"view": "Models side by side", "tokens": "5"}),
    ("writing", {"opening": "A request: features, words, a summary"}),
    *(
        ("grading", {"view": view, "source": "our fifty"})
        for view in ("", "Grades", "A against B", "By hand")
    ),
    ("knowledge", {}),
    ("knowledge", {"edit": "true", "judging": "true", "by_hand": "true"}),
    *(
        ("memorization", {"view": view, "corpus": "nursery:60:1", "validation": "nursery:40:2"})
        for view in ("", "measures", "novelty", "any text")
    ),
]


def widgets(app: AppTest) -> dict[str, Widget]:
    """What can be set on a page, by key."""
    found = [widget for kind in TYPES for widget in app.get(kind)]
    return {widget.key: widget for widget in found if widget.key is not None}


def shown(widget: Any) -> str | list[str]:
    """A widget's value as a link has it."""
    value = widget.value
    if widget.type in ("multiselect", "button_group", "selectbox", "select_slider"):
        if isinstance(value, list):
            return [widget.format_func(one) for one in value]
        return "" if value is None else str(widget.format_func(value))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return "" if value is None else str(value)


def another(widget: Any) -> str | list[str] | None:
    """Another value than the widget's; None where there is none."""
    if widget.type in ("toggle", "checkbox"):
        return str(not widget.value).lower()
    if widget.type in ("number_input", "slider"):
        step = widget.step
        higher = (widget.value or 0) + step <= (widget.max if widget.max is not None else 10**9)
        value = (widget.value or 0) + (step if higher else -step)
        return str(int(value) if value == int(value) else round(value, 6))
    if widget.type in ("text_input", "text_area"):
        return TEXTS.get(widget.key, "dog")
    others = [option for option in widget.options if option not in shown(widget)]
    if widget.type == "multiselect":
        return others[:1] or None
    return others[0] if others else None


@pytest.mark.parametrize(("name", "view"), VIEWS)
def test_every_control_goes_through_the_link_and_back(
    name: str, view: dict[str, Any], open_page: Open, same_two_runs: Path
) -> None:
    page = next(one for one in PAGES.values() if one.__name__ == f"{name.title()}State")
    view = {key: value for key, value in view.items() if value}
    link = {"a": "tiny@0", "b": "other"}
    fixed = translated(page, {key: [value] for key, value in view.items()})
    found = widgets(open_page(name, **link, **view))
    changed = {}
    for key, widget in found.items():
        if key in NOT_IN_LINKS or key.startswith(ACTS):
            continue
        assert list(translated(page, {key: [""]})) == [key], "no page's state declares it"
        may_change = key not in fixed and not widget.proto.disabled
        if may_change and (value := another(widget)) is not None:
            changed[key] = value
    assert changed or fixed
    app = open_page(name, **link, **view, **changed)
    assert not app.exception
    after = widgets(app)
    gone = set(changed) - set(after)  # what depends on a view that was changed, too
    assert all(shown(after[key]) == value for key, value in changed.items() if key not in gone), {
        key: (value, shown(after[key])) for key, value in changed.items() if key not in gone
    }
    assert len(gone) < len(changed) or not changed


@pytest.mark.parametrize("name", ["server", "secret", "cap"])
def test_no_link_sets_a_server_a_key_or_a_price(
    name: str, open_page: Open, same_two_runs: Path
) -> None:
    app = open_page("grading", a="tiny", **{name: "9"})
    assert name not in app.query_params


@pytest.mark.parametrize(
    ("page", "earlier", "now"),
    [
        (
            AttentionState,
            {"beside": ["0.1"], "layer": ["1"]},
            {"attention.more_heads": ["0.1"], "layer": ["1"]},
        ),
        (CompareState, {"compare": ["Stories"]}, {"compare.view": ["Stories"]}),
        (CompareState, {"of_bits_per_byte": ["x"]}, {"compare.of_measure.bits_per_byte": ["x"]}),
        (RolesState, {"unit_b": ["1.3"], "told": ["2"]}, {"roles.neuron.b": ["1.3"]}),
        (
            PredictionsState,
            {"off": ["0.1"], "by": ["Ben"]},
            {"predictions.interventions": ["0.1"], "predictions.by": ["Ben"]},
        ),
        (PredictionsState, {"view": ["Filled in"]}, {"predictions.view": ["Activation patching"]}),
        (ImportsState, {"a": ["tiny"], "layer": ["1"], "x": ["1"]}, {"a": ["tiny"]}),
    ],
)
def test_earlier_names_are_read_and_what_a_page_does_not_read_is_dropped(
    page: type[PageState], earlier: dict[str, list[str]], now: dict[str, list[str]]
) -> None:
    assert translated(page, earlier) == now
    assert translated(page, now) == now


def test_two_controls_never_share_a_name_in_a_link() -> None:
    for page in PAGES.values():
        names = [name for one in set(page.controls()) for name in (one.key, *one.names)]
        assert len(names) == len(set(names)) + sum(
            1 for one in page.controls() if "." not in one.key
        )


def test_only_the_state_module_reads_streamlits_state() -> None:
    """Every key is declared in one place."""
    found = subprocess.run(
        ["grep", "-rl", "--include=*.py", "st.session_state", "app", "pages"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert found == ["app/state.py"]
