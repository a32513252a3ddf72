"""Kept results of a lesson's two trainings, shown as such where there is no time to train."""

from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from slm.lessons.measures.measured import Measured
from slm.lessons.works import SEED, SHAPE, STORIES, TOKENS
from slm.reading import read_json
from slm.stories.nursery import GRAMMAR_VERSION

FILE = Path(__file__).with_name("kept.json")


@dataclass(frozen=True, kw_only=True)
class KeptTrainings:
    """What was measured, by claim, what each run wrote, and what all of it was made from."""

    made: dict[str, Any]
    claims: dict[str, Measured]
    stories: dict[str, str]


def made_from() -> dict[str, Any]:
    """Return what the trainings depend on."""
    shape = asdict(SHAPE)
    return {
        "nursery": GRAMMAR_VERSION,
        "stories": STORIES,
        "seed": SEED,
        "tokens": TOKENS,
        "shape": [shape[name] for name in ("d_model", "n_layers", "n_heads", "d_vocab", "n_ctx")],
    }


@cache
def kept() -> KeptTrainings | None:
    """Read the kept trainings; None where they were made from other trainings than today's."""
    found = read_json(FILE, KeptTrainings)
    return found if found.made == made_from() else None
