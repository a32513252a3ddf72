"""The bundled reference, and the shipped stories measured once."""

from pathlib import Path

import pytest

from slm.progress import result_of
from slm.runs import Checkpoint, load_checkpoint
from slm.scores.kept import REFERENCE
from slm.scores.spoiling import ScoreChecks, score_checks
from slm.scores.texts import shipped_stories

BUNDLED = Path(__file__).resolve().parents[2] / "runs"


@pytest.fixture(scope="session")
def reference() -> Checkpoint:
    """The bundled model that reads stories for consistency."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLM_RUNS", str(BUNDLED))
        return load_checkpoint(REFERENCE)


@pytest.fixture(scope="session")
def checks(reference: Checkpoint) -> ScoreChecks:
    """The shipped stories, whole and spoiled."""
    return result_of(score_checks(shipped_stories(), reference))
