"""`python -m benchmarks [NAME …]`: print tables; without names, all that `make bench` measures."""

import importlib
import platform
import subprocess
import sys
import time
import warnings

import torch

QUICK = ("training", "sampling", "neurons", "ablation", "growth", "pages")
LONG = ("quality",)


def main(names: list[str]) -> int:
    """Run the benchmarks called `names`, each a module here with a `run()`."""
    unknown = [name for name in names if name not in QUICK + LONG]
    if unknown:
        print(
            f"a benchmark is one of {', '.join(QUICK + LONG)}, not {unknown[0]!r}", file=sys.stderr
        )
        return 2
    warnings.simplefilter("ignore")
    print(_where(), "\n", flush=True)
    for name in names or QUICK:
        began = time.monotonic()
        print(importlib.import_module(f"benchmarks.{name}").run())
        print(f"({name}: {time.monotonic() - began:.0f} s)\n", flush=True)
    return 0


def _where() -> str:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return (
        f"commit {commit or 'unknown'}, {platform.machine()}, {torch.get_num_threads()} threads, "
        f"torch {torch.__version__}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
