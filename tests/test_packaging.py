"""What is installed: the ranges that are declared hold the set that is tested, and the command starts."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pinned(file: str) -> dict[str, Requirement]:
    """The packages that a requirements file names, by name."""
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    found = [Requirement(line.split("#")[0].strip()) for line in lines if re.match(r"\w", line)]
    return {one.name: one for one in found}


def test_every_tested_version_lies_in_the_range_that_is_declared() -> None:
    declared = {one.name: one for one in map(Requirement, PROJECT["dependencies"])}
    tested = pinned("requirements.txt")
    assert declared.keys() == tested.keys()
    for name, one in tested.items():
        (first, *_) = sorted(one.specifier, key=lambda part: part.operator != "==")
        if first.operator == "==":
            assert first.version in declared[name].specifier, name
        else:
            assert one.specifier == declared[name].specifier, name


def test_the_console_script_names_the_command_line() -> None:
    module, _, name = PROJECT["scripts"]["slm"].partition(":")
    started = subprocess.run(
        [sys.executable, "-c", f"import {module} as m, sys; sys.exit(m.{name}(['--help']))"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert started.stdout.startswith("usage: slm")


def test_types_are_shipped() -> None:
    assert (ROOT / "slm" / "py.typed").exists()


def test_every_file_with_shapes_is_among_those_whose_shapes_are_checked() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    _, _, listed = settings["tool"]["pytest"]["ini_options"]["addopts"].partition("packages=")
    *checked, typechecker = listed.split(",")
    assert typechecker == "beartype.beartype"
    for path in (ROOT / "slm").rglob("*.py"):
        if "jaxtyping" in path.read_text(encoding="utf-8"):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            assert any(f"{module}.".startswith(f"{room}.") for room in checked), module
