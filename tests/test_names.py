"""A public name has one definition, and says what it does."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def modules() -> Iterator[tuple[str, ast.Module]]:
    for room in ("slm", "app"):
        for path in sorted((ROOT / room).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def types_in(body: list[ast.stmt]) -> Iterator[str]:
    """Public classes of a module, and what it names as a type: `Shape = tuple[int, ...]`."""
    for one in body:
        if isinstance(one, ast.ClassDef):
            yield one.name
        elif isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name):
            name = one.targets[0].id
            if name[0].isupper() and not name.isupper() and len(name) > 1:
                yield name


def definitions(body: list[ast.stmt], within: str = "") -> Iterator[tuple[str, Definition]]:
    for one in body:
        if isinstance(one, Definition) and not one.name.startswith("_"):
            yield within + one.name, one
            if isinstance(one, ast.ClassDef):
                yield from definitions(one.body, f"{one.name}.")


def test_one_name_is_one_type() -> None:
    defined = defaultdict(list)
    for path, module in modules():
        for name in types_in(module.body):
            if not name.startswith("_"):
                defined[name].append(path)
    twice = {name: paths for name, paths in defined.items() if len(paths) > 1}
    assert twice == {}


def test_every_public_name_has_a_docstring() -> None:
    without = [path for path, module in modules() if not ast.get_docstring(module)]
    for path, module in modules():
        without += [
            f"{path} {name}" for name, one in definitions(module.body) if not ast.get_docstring(one)
        ]
    assert without == []
