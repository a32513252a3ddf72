"""What heads do: scores at once, labels from work that all sessions share."""

import streamlit as st

from app.cache.checkpoints import checkpoint, key, of_checkpoint
from app.jobs.work import Work
from slm.interp.heads import atlas as heads_lens
from slm.interp.heads import scores as scores_lens
from slm.interp.heads.atlas import HeadAtlas
from slm.interp.heads.scores import HeadScores
from slm.runs import Checkpoint


@of_checkpoint(max_entries=32, waiting="Reading stories …")
def head_scores(checkpoint: Checkpoint, corpus: str, stories: int) -> HeadScores:
    """How much every head looks at what its labels would name; nothing is switched off."""
    return scores_lens.head_scores(checkpoint, corpus=corpus, stories=stories)


def head_atlas(address: str, corpus: str, stories: int) -> Work[HeadAtlas]:
    """Every head scored and switched off; not begun yet."""
    return _atlas(*key(address), corpus, stories)


def heads_again(address: str, corpus: str, stories: int) -> None:
    """Forget an atlas that was cancelled or failed, so that it can begin anew."""
    _atlas.clear(*key(address), corpus, stories)


@st.cache_resource(max_entries=32, show_spinner=False)
def _atlas(address: str, changed: int, corpus: str, stories: int) -> Work[HeadAtlas]:
    return Work(
        heads_lens.head_atlas(checkpoint(address), corpus=corpus, stories=stories), begin=False
    )
