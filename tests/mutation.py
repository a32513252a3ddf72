"""Mutation testing: change the code in small wrong ways, and see whether its tests notice.

    python -m tests.mutation slm/stats slm/model --each 40 --json survivors.json

Of each room a seeded sample of mutants is drawn. A mutant is one changed operator, constant, or call
of the pairs in `SWAPPED_CALLS`; annotations, docstrings and messages are never changed. The room's
tests are run once to see which of them execute which line. Each mutant is then tried on the tests
that execute its lines, the quickest first, until one fails; where only another process executes them,
on the file that mirrors it. What no test notices is listed: read it, then write the sentence that was
missing, or see that the change changes nothing (an equivalent mutant).

All runs are forks of one process that has imported torch, in a copy of the repository.
"""

import argparse
import ast
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import pytest
import torch
import transformer_lens

PRELOADED = (torch, transformer_lens)
ROOT = Path(__file__).resolve().parents[1]
COPIED = ("slm", "app", "tests", "runs", "pages", "pyproject.toml")
WALL = 600
"""Seconds after which a run that waits for something is ended; what computes is ended by --cpu."""

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
    last_line: int
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
            yield Mutant(
                file, node.lineno, node.end_lineno or node.lineno, first, first + len(was), was, now
            )

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
        for name, child in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list"):
                continue
            for one in child if isinstance(child, list) else [child]:
                if isinstance(one, ast.AST):
                    yield from visit(one)

    return list(visit(ast.parse(source)))


@dataclass
class Executed:
    """A pytest plugin: the lines of the room's files that each test executes, and its CPU time."""

    room: str
    lines: dict[str, set[tuple[str, int]]] = field(default_factory=lambda: defaultdict(set))
    seconds: dict[str, float] = field(default_factory=dict)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Trace one test."""
        seen, began = self.lines[item.nodeid], time.process_time()
        start = os.getcwd() + "/"

        def line(frame: FrameType, event: str, _: Any) -> Any:
            seen.add((frame.f_code.co_filename.removeprefix(start), frame.f_lineno))
            return line

        def call(frame: FrameType, event: str, _: Any) -> Any:
            inside = frame.f_code.co_filename.startswith(start + self.room)
            return line(frame, event, None) if inside else None

        threading.settrace(call)
        sys.settrace(call)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]
            self.seconds[item.nodeid] = time.process_time() - began


def forked(work: Callable[[], int], copy: Path, cpu: int) -> bool:
    """Whether `work` returned 0 in a process of its own in the copy, within its limits."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
            signal.alarm(WALL)
            with open(copy / "output.txt", "w") as out:
                os.dup2(out.fileno(), 1)
                os.dup2(out.fileno(), 2)
            os.chdir(copy)
            os.environ["PYTHONPATH"] = str(copy)
            sys.path.insert(0, str(copy))
            del sys.modules["tests"]
            code = work()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return status == 0


def run_tests(*arguments: str, plugin: object = None) -> int:
    """Run pytest until the first failure."""
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", *arguments]
    return int(pytest.main(options, plugins=[plugin] if plugin else []))


def executed_by(room: str, tests: list[str], copy: Path) -> Executed:
    """Run a room's tests once, with every line of the room's files traced."""
    traced, kept = Executed(room), copy / "executed.json"

    def work() -> int:
        code = run_tests(*tests, plugin=traced)
        found = [[test, sorted(lines)] for test, lines in traced.lines.items()]
        kept.write_text(json.dumps([found, traced.seconds]))
        return code

    if not forked(work, copy, 3600):
        sys.exit((copy / "output.txt").read_text()[-3000:])
    found, seconds = json.loads(kept.read_text())
    return Executed(room, {test: {(f, n) for f, n in lines} for test, lines in found}, seconds)


def nearest_tests(mutant: Mutant, executed: Executed) -> list[str]:
    """The tests that execute a mutant's lines, the quickest first; else the file that mirrors it."""
    lines = {(mutant.file, line) for line in range(mutant.line, mutant.last_line + 1)}
    near = [test for test, seen in executed.lines.items() if seen & lines]
    if not near:
        path = Path(mutant.file)
        mirror = Path("tests", *path.parts[1:-1], f"test_{path.stem}.py")
        near = [test for test in executed.lines if test.startswith(f"{mirror}::")]
    return sorted(near, key=lambda test: executed.seconds[test])


def notices(copy: Path, mutant: Mutant, executed: Executed, cpu: int) -> bool:
    """Whether a test fails, or takes too long, in a copy of the repository with the mutant in it."""
    target = copy / mutant.file
    source, times = target.read_text(), target.stat()
    near = nearest_tests(mutant, executed)

    def work() -> int:
        sys.dont_write_bytecode = True
        return run_tests(*near)

    target.write_text(source[: mutant.start] + mutant.now + source[mutant.end :])
    try:
        return bool(near) and not forked(work, copy, cpu)
    finally:
        target.write_text(source)
        os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))


def drawn(room: str, each: int, seed: int, again: Path | None) -> list[Mutant]:
    """Draw a sample of a room's mutants, or take those that an earlier run listed."""
    path = ROOT / room
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    every = [
        mutant
        for file in files
        for mutant in mutants_of(str(file.relative_to(ROOT)), file.read_text())
    ]
    if again is None:
        return random.Random(seed).sample(every, min(each, len(every)))
    listed = {(m["file"], m["was"], m["now"]) for m in json.loads(again.read_text())}
    return [m for m in every if (m.file, m.was, m.now) in listed]


def main() -> None:
    """Try a sample of mutants of each room and print what was not noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("rooms", nargs="+", help="files or folders, such as slm/stats")
    parser.add_argument("--each", type=int, default=40, help="mutants of each room")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--tests", nargs="+", help="the tests, where not those of the room's folder"
    )
    parser.add_argument("--cpu", type=int, default=120, help="seconds of CPU time for a mutant")
    parser.add_argument("--json", type=Path, help="where to write what was not noticed")
    parser.add_argument("--again", type=Path, help="try what an earlier --json lists, by text")
    chosen = parser.parse_args()
    survivors: list[Mutant] = []
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in COPIED:
            whole = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
            whole(ROOT / part, copy / part)  # type: ignore[operator]
        for room in chosen.rooms:
            path = Path("tests", *Path(room).parts[1:])
            mutants = drawn(room, chosen.each, chosen.seed, chosen.again)
            tests = chosen.tests or [str(path.parent if path.suffix else path)]
            executed = executed_by(room, tests, copy)
            noticed = 0
            for mutant in mutants:
                seen = notices(copy, mutant, executed, chosen.cpu)
                noticed += seen
                survivors += [mutant] * (not seen)
                print("noticed " if seen else "SURVIVED", mutant, flush=True)
            lines.append(f"{room:24} {noticed} of {len(mutants)} noticed")
    print(*lines, sep="\n")
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(m) for m in survivors], indent=1))


if __name__ == "__main__":
    main()
