"""Import of a detected model as a run: whole, or nothing at all."""

import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import torch

from slm.errors import BadInput
from slm.importing.detect import DetectedModel
from slm.progress import ProgressCallback
from slm.runs import Run, RunInfo, check_name, runs_dir


def import_run(
    found: DetectedModel, name: str, *, progress: ProgressCallback = lambda stage, share: None
) -> Run:
    """Make the run `name` with one checkpoint, at step 0. Ended early, it leaves nothing.

    Weights are kept in float32 (float16 where all of the original's are), so that they say exactly
    what the original says. Raises `BadInput` where the name is taken or a number is not finite.
    """
    root = runs_dir()
    if (root / check_name(name)).exists():
        raise BadInput(f"there is a run {name!r} already; choose another name")
    progress("reading the weights", None)
    weights = found.read()
    root.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=root, prefix=f".{name}."))
    try:
        beside.chmod(0o755)
        run = Run(beside)
        progress("writing the run", None)
        found.tokenizer.save(beside / "tokenizer.json")
        run.save_checkpoint(weights, 0, dtype=torch.float16 if found.half else torch.float32)
        run.write_info(
            RunInfo(
                config=found.config,
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                status="imported",
                imported={
                    "kind": found.kind,
                    "source": found.source,
                    "parameters": found.parameters,
                    "notes": list(found.notes),
                },
            )
        )
        try:
            os.rename(beside, root / name)
        except FileExistsError:
            raise BadInput(f"there is a run {name!r} already; choose another name") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Run(root / name)
