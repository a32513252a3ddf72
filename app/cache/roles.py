"""What roles neurons have: worked out once for all sessions, in threads that pages can watch."""

from collections.abc import Iterator

import streamlit as st

from app.cache.checkpoints import checkpoint, key
from app.scoring import Work
from slm.lens.protagonist import ProtagonistTest, protagonist_test
from slm.lens.roles import Roles, score_roles
from slm.progress import Progress
from slm.stories.labelled import labelled


def roles(address: str, corpus: str, stories: int) -> Work[Roles]:
    """Every neuron against every label of a corpus; begun when it is first asked for."""
    return _roles(*key(address), corpus, stories)


def protagonist(address: str, stories: int) -> Work[ProtagonistTest]:
    """The protagonist test; begun when it is first asked for."""
    return _protagonist(*key(address), stories)


def again(address: str, stories: int, corpus: str | None = None) -> None:
    """Forget work that was cancelled or failed, so that it begins anew when asked for."""
    if corpus is None:
        _protagonist.clear(*key(address), stories)
    else:
        _roles.clear(*key(address), corpus, stories)


@st.cache_resource(max_entries=16, show_spinner=False)
def _roles(address: str, changed: int, corpus: str, stories: int) -> Work[Roles]:
    model = checkpoint(address)

    def steps() -> Iterator[Progress | Roles]:
        names, read = labelled(model.tokenizer, corpus, stories)
        yield from score_roles(model, read, names)

    return Work(steps())


@st.cache_resource(max_entries=16, show_spinner=False)
def _protagonist(address: str, changed: int, stories: int) -> Work[ProtagonistTest]:
    return Work(protagonist_test(checkpoint(address), count=stories))
