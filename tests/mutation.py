"""Mutation testing: change the code in small wrong ways, and see whether its tests notice.

    python -m tests.mutation slm/stats slm/model --each 40 --workers 2 --json survivors.json

Of every file a seeded sample of mutants is drawn. A mutant is one changed operator, constant, or call
of the pairs in `SWAPPED_CALLS`; annotations, docstrings and messages are never changed. Each is tried
on the test file that mirrors its source file, then on the whole room's tests, in a copy of the
repository. What no test notices is listed: read it, then write the sentence that was missing, or see
that the change changes nothing (an equivalent mutant).
"""

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parents[1]

OPERATORS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.And: (" and ", " or "),
    ast.Or: (" or ", " and "),
}
SWAPPED_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any", "minimum": "maximum"}
SWAPPED_CALLS |= {"maximum": "minimum", "mean": "sum", "sum": "mean", "argmax": "argmin"}


@dataclass(frozen=True)
class Mutant:
    """One change: the text from `start` to `end` of `file` (characters) becomes `now`."""

    file: str
    line: int
    start: int
    end: int
    was: str
    now: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.was.strip()} -> {self.now.strip()}"


def mutants_of(file: str, source: str) -> list[Mutant]:
    """Every mutant of a file's source, in order."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line.encode()))
    raw = source.encode()

    def at(node: ast.expr) -> tuple[int, int]:
        assert node.end_lineno is not None and node.end_col_offset is not None
        return (
            starts[node.lineno - 1] + node.col_offset,
            starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def changed(node: ast.expr, start: int, end: int, was: str, now: str) -> Iterator[Mutant]:
        place = raw[start:end].find(was.encode())
        if place >= 0 and raw[start:end].count(was.encode()) == 1:
            first = len(raw[: start + place].decode())
            yield Mutant(file, node.lineno, first, first + len(was), was, now)

    def visit(node: ast.AST) -> Iterator[Mutant]:
        if isinstance(node, ast.Raise | ast.Assert | ast.JoinedStr):
            return
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in OPERATORS:
            between = at(node.left)[1], at(node.comparators[0])[0]
            yield from changed(node, *between, *OPERATORS[type(node.ops[0])])
        elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            between = at(node.left)[1], at(node.right)[0]
            yield from changed(node, *between, *OPERATORS[type(node.op)])
        elif isinstance(node, ast.BoolOp):
            between = at(node.values[0])[1], at(node.values[1])[0]
            yield from changed(node, *between, *OPERATORS[type(node.op)])
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield from changed(node, at(node)[0], at(node.operand)[0], "not ", "")
        elif isinstance(node, ast.Constant) and type(node.value) in (bool, int, float):
            now = not node.value if isinstance(node.value, bool) else node.value + 1
            yield from changed(node, *at(node), raw[slice(*at(node))].decode(), str(now))
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            name = node.func.id if isinstance(node.func, ast.Name) else name
            if name in SWAPPED_CALLS:
                end = at(node.func)[1]
                yield from changed(node, end - len(name), end, name, SWAPPED_CALLS[name])
        for field, child in ast.iter_fields(node):
            if field in ("annotation", "returns", "decorator_list"):
                continue
            for one in child if isinstance(child, list) else [child]:
                if isinstance(one, ast.AST):
                    yield from visit(one)

    return list(visit(ast.parse(source)))


def tests_of(file: str) -> list[list[str]]:
    """The tests nearest to a source file: the one that mirrors it, then those of its room."""
    path = Path(file)
    room = Path("tests", *path.parts[1:-1])
    while not (ROOT / room).is_dir():
        room = room.parent
    nearest = room / f"test_{path.stem}.py"
    return [[str(nearest)]] * (ROOT / nearest).exists() + [[str(room)]]


def notices(copy: Path, mutant: Mutant, seconds: float) -> bool:
    """Whether a test fails, or takes too long, in a copy of the repository with the mutant in it."""
    target = copy / mutant.file
    source = target.read_text()
    target.write_text(source[: mutant.start] + mutant.now + source[mutant.end :])
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"OMP_NUM_THREADS": "1"}
    try:
        for tests in tests_of(mutant.file):
            command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
            try:
                done = subprocess.run(
                    command, cwd=copy, env=environment, capture_output=True, timeout=seconds
                )
            except subprocess.TimeoutExpired:
                return True
            if done.returncode:
                return True
        return False
    finally:
        target.write_text(source)


def main() -> None:
    """Try a sample of mutants of each room and print what was not noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("rooms", nargs="+", help="files or folders, such as slm/stats")
    parser.add_argument("--each", type=int, default=40, help="mutants of each room")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--timeout", type=float, default=240, help="seconds for a test run")
    parser.add_argument("--json", type=Path, help="where to write what was not noticed")
    parser.add_argument("--again", type=Path, help="try what an earlier --json lists, by text")
    chosen = parser.parse_args()
    drawn: dict[str, list[Mutant]] = {}
    for room in chosen.rooms:
        path = ROOT / room
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        every = [
            mutant
            for file in files
            for mutant in mutants_of(str(file.relative_to(ROOT)), file.read_text())
        ]
        if chosen.again:
            listed = {(m["file"], m["was"], m["now"]) for m in json.loads(chosen.again.read_text())}
            drawn[room] = [m for m in every if (m.file, m.was, m.now) in listed]
        else:
            drawn[room] = random.Random(chosen.seed).sample(every, min(chosen.each, len(every)))
    with tempfile.TemporaryDirectory() as folder:
        copies: SimpleQueue[Path] = SimpleQueue()
        for worker in range(chosen.workers):
            copy = Path(folder) / str(worker)
            for part in ("slm", "app", "tests", "runs", "pages", "pyproject.toml"):
                whole = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
                whole(ROOT / part, copy / part)  # type: ignore[operator]
            copies.put(copy)

        def tried(mutant: Mutant) -> bool:
            copy = copies.get()
            try:
                noticed = notices(copy, mutant, chosen.timeout)
            finally:
                copies.put(copy)
            print("noticed " if noticed else "SURVIVED", mutant, flush=True)
            return noticed

        survivors: list[Mutant] = []
        lines = []
        with ThreadPoolExecutor(chosen.workers) as pool:
            for room, mutants in drawn.items():
                noticed = list(pool.map(tried, mutants))
                survivors += [m for m, seen in zip(mutants, noticed, strict=True) if not seen]
                lines.append(f"{room:24} {sum(noticed)} of {len(mutants)} noticed")
    print(*lines, sep="\n")
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(m) for m in survivors], indent=1))


if __name__ == "__main__":
    main()
