"""The table of width and depth (the paper's Figure 3's kind): what each shape reached."""

from collections.abc import Sequence
from dataclasses import dataclass

from slm.runs import Run, runs_dir
from slm.training.sweep import Standing, standing

LOWER_IS_BETTER = ("loss", "bits per byte")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One trained shape. `scores` holds what was measured, by name; what was not is not there."""

    run: str
    width: int
    layers: int
    heads: int
    standing: Standing
    step: int | None
    scores: dict[str, float]


def cells(names: Sequence[str]) -> list[Cell]:
    """What the runs called so have reached; one that has not begun, or is damaged, is left out."""
    found = []
    for name in names:
        if (now := standing(name)) in ("to do", "damaged"):
            continue
        run = Run(runs_dir() / name)
        last, config = run.last_validation(), run.config
        scores = {}
        if last is not None and last.val_loss is not None and last.val_bits_per_byte is not None:
            scores = {"loss": last.val_loss, "bits per byte": last.val_bits_per_byte}
        found.append(
            Cell(
                run=name, width=config.d_model, layers=config.n_layers, heads=config.n_heads,
                standing=now, step=last.step if last else None, scores=scores,
            )
        )  # fmt: skip
    return found


def normalised(values: Sequence[float]) -> list[float]:
    """(a - a_min) / (a_max - a_min), as the paper's table has it; 0 where all are alike."""
    low, high = min(values), max(values)
    return [(value - low) / (high - low) if high > low else 0.0 for value in values]
