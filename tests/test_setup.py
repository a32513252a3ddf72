"""What `make app` installs: the CPU build of PyTorch where pip is told of a place that has it."""

import shutil
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]


def would_run(*variables: str) -> str:
    """The commands of `make app` where nothing is installed yet."""
    if shutil.which("make") is None:
        pytest.skip("there is no make here")
    return subprocess.run(
        ["make", "--dry-run", "app", "VENV=.not-there", *variables],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_make_app_takes_torch_from_the_index_it_is_given() -> None:
    assert "--extra-index-url https://index.example/cpu -r requirements.txt" in would_run(
        "TORCH_INDEX=https://index.example/cpu"
    )
    assert "--extra-index-url" not in would_run("TORCH_INDEX=")


def test_pip_prefers_the_cpu_build_to_the_one_that_has_no_name() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    (torch,) = (Requirement(line.split("#")[0]) for line in lines if line.startswith("torch="))
    (pinned,) = torch.specifier
    plain, cpu = Version(pinned.version), Version(f"{pinned.version}+cpu")
    assert torch.specifier.contains(cpu) and max(plain, cpu) == cpu
