"""A term is explained by the glossary wherever a widget or a column is named after it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from app.terms import help_of
from slm.glossary import lookup, terms

ROOT = Path(__file__).parents[2]
EXPLAINED = {"selectbox", "multiselect", "segmented_control", "slider", "select_slider", "toggle"}
EXPLAINED |= {"number_input", "text_input", "text_area", "NumberColumn", "TextColumn"}
HOMONYMS = {"Key", "Weights"}  # of a server, and of attention: not the terms
TERM_OF = {name.lower(): one.term for one in terms() for name in (one.term, *one.also)}


def named_after_a_term() -> Iterator[tuple[str, str, ast.Call]]:
    """Yield the place and term of every widget or column whose label is a term, or its plural."""
    for path in sorted([*(ROOT / "app").rglob("*.py"), *(ROOT / "pages").glob("*.py")]):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            label = (
                call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else 0
            )
            if call.func.attr in EXPLAINED and isinstance(label, str) and label not in HOMONYMS:
                term = TERM_OF.get(label.lower()) or TERM_OF.get(label.lower().removesuffix("s"))
                if term:
                    yield f"{path.relative_to(ROOT)}:{call.lineno} {label}", term, call


def explained_by(call: ast.Call) -> list[str]:
    """Return the terms that a call's help takes from the glossary."""
    help_text = next((one.value for one in call.keywords if one.arg == "help"), None)
    if not isinstance(help_text, ast.Call) or ast.unparse(help_text.func) != "help_of":
        return []
    return [lookup(ast.literal_eval(name)).term for name in help_text.args]


def test_a_widget_named_after_a_term_is_explained_by_the_glossary() -> None:
    found = list(named_after_a_term())
    assert len(found) > 20
    assert [place for place, term, call in found if term not in explained_by(call)] == []


def test_a_widget_may_add_a_sentence_of_its_own() -> None:
    means = lookup("token").means
    assert help_of("token", also="Or click one.") == f"**token**: {means}\n\nOr click one."
