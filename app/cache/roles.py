"""What roles neurons have: worked out once for all sessions, in threads that pages can watch."""

from collections.abc import Generator
from itertools import islice

import streamlit as st

from app.cache.checkpoints import checkpoint, key, of_checkpoint
from app.jobs.work import Work
from slm.interp.autointerp.snippets import neuron_snippets
from slm.interp.roles.protagonist import ProtagonistTest, protagonist_test
from slm.interp.roles.scoring import ScoredRoles, score_roles
from slm.progress import Progress
from slm.runs import Checkpoint
from slm.stories.annotation.labelled import labelled
from slm.stories.cleaning import cleaned
from slm.stories.snippets import NeuronSnippets
from slm.stories.sources import open_source


def roles(address: str, corpus: str, stories: int) -> Work[ScoredRoles]:
    """Every neuron against every label of a corpus; begun when it is first asked for."""
    return _roles(*key(address), corpus, stories)


def protagonist(
    address: str, stories: int, neuron: tuple[int, int] | None
) -> Work[ProtagonistTest]:
    """The protagonist test of the best neurons, or of one (layer, neuron); begun when first asked for."""
    return _protagonist(*key(address), stories, neuron)


@of_checkpoint(max_entries=32, waiting="Looking for what excites the neuron …")
def snippets(
    checkpoint: Checkpoint, layer: int, neuron: int, corpus: str, stories: int
) -> tuple[NeuronSnippets, NeuronSnippets]:
    """A neuron by example, and another one of its layer."""
    texts = list(islice(cleaned(open_source(corpus)), stories))
    return neuron_snippets(checkpoint, texts, layer, neuron)


def roles_again(address: str, corpus: str, stories: int) -> None:
    """Forget roles whose work was cancelled or failed, so that it begins anew when asked for."""
    _roles.clear(*key(address), corpus, stories)


def protagonist_again(address: str, stories: int, neuron: tuple[int, int] | None) -> None:
    """The same for the protagonist test."""
    _protagonist.clear(*key(address), stories, neuron)


@st.cache_resource(max_entries=16, show_spinner=False)
def _roles(address: str, changed: int, corpus: str, stories: int) -> Work[ScoredRoles]:
    model = checkpoint(address)

    def steps() -> Generator[Progress, None, ScoredRoles]:
        names, read = labelled(model.tokenizer, corpus, stories)
        return (yield from score_roles(model, read, names))

    return Work(steps())


@st.cache_resource(max_entries=16, show_spinner=False)
def _protagonist(
    address: str, changed: int, stories: int, neuron: tuple[int, int] | None
) -> Work[ProtagonistTest]:
    return Work(protagonist_test(checkpoint(address), count=stories, neuron=neuron))
