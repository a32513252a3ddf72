"""Heads named by what is measured of them, for the model that is shown."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from slm.errors import BadInput
from slm.interp.heads.scores import HeadScores, head_scores
from slm.runs import Checkpoint


@lru_cache(maxsize=4)
def scores_of(checkpoint: Checkpoint) -> HeadScores:
    """Score every head on nursery stories, once for all steps of a lesson."""
    return head_scores(checkpoint)


def strongest(scores: HeadScores, kinds: Sequence[str]) -> tuple[int, int, str]:
    """Return (layer, head, kind) of the largest score above its control among `kinds`.

    Raises `BadInput` where none of the kinds was measured.
    """
    at = [scores.kinds.index(kind) for kind in kinds if kind in scores.kinds]
    above = scores.difference.mean[..., at]
    if not at or not np.isfinite(above).any():
        raise BadInput(
            f"{scores.address} has no stories on which {' or '.join(kinds)} can be measured"
        )
    layer, head, index = np.unravel_index(int(np.nanargmax(above)), above.shape)
    return int(layer), int(head), scores.kinds[at[index]]
