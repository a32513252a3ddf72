"""A public name has one definition, and says what it does."""

import ast
import builtins
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import jaxtyping

ROOT = Path(__file__).parents[1]
ARRAYS = {*vars(jaxtyping)} - {"Union"}  # jaxtyping's: Float[Tensor, "a shape"]
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


def names_in_annotation(node: ast.expr) -> Iterator[str]:
    """Names that a type needs, those in quoted types too, without jaxtyping's shapes."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from names_in_annotation(ast.parse(node.value, mode="eval").body)
    elif isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal":
        return
    elif isinstance(node, ast.Subscript) and ast.unparse(node.value) in ARRAYS:
        assert isinstance(node.slice, ast.Tuple)
        yield from names_in_annotation(node.slice.elts[0])
    else:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                yield from names_in_annotation(child)


def names_bound_in(module: ast.Module) -> Iterator[str]:
    for one in ast.walk(module):
        if isinstance(one, ast.alias):
            yield (one.asname or one.name).split(".")[0]
        elif isinstance(one, ast.ClassDef | ast.FunctionDef):
            yield one.name
        elif isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
            yield one.id


def test_every_name_in_an_annotation_is_defined() -> None:
    undefined = []
    for path, module in modules():
        known = {*names_bound_in(module), *dir(builtins)}
        for one in ast.walk(module):
            annotation = getattr(one, "returns", None) or getattr(one, "annotation", None)
            if annotation is not None:
                names = names_in_annotation(annotation)
                undefined += [f"{path} {name}" for name in names if name not in known]
    assert undefined == []
