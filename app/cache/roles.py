"""Cached roles of neurons, as work that all sessions share."""

from itertools import islice

from app.cache.checkpoints import checkpoint, of_checkpoint
from app.cache.shared_work import shared_work
from slm.interp.autointerp.snippets import neuron_snippets
from slm.interp.roles.protagonist import ProtagonistTest, protagonist_test
from slm.interp.roles.scoring import ScoredRoles, score_roles
from slm.progress import Steps
from slm.runs import Checkpoint
from slm.stories.annotation.labelled import labelled
from slm.stories.cleaning import cleaned
from slm.stories.snippets import NeuronSnippets
from slm.stories.sources import open_source


@shared_work(models=1, max_entries=16)
def roles(address: str, corpus: str, stories: int) -> Steps[ScoredRoles]:
    """Score every neuron against every label of a corpus."""
    model = checkpoint(address)
    names, read = labelled(model.tokenizer, corpus, stories)
    return (yield from score_roles(model, read, names))


@shared_work(models=1, max_entries=16)
def protagonist(
    address: str, stories: int, neuron: tuple[int, int] | None
) -> Steps[ProtagonistTest]:
    """Run the protagonist test on the best neurons, or on one (layer, neuron)."""
    return protagonist_test(checkpoint(address), count=stories, neuron=neuron)


@of_checkpoint(max_entries=32, waiting="Looking for what excites the neuron …")
def snippets(
    checkpoint: Checkpoint, layer: int, neuron: int, corpus: str, stories: int
) -> tuple[NeuronSnippets, NeuronSnippets]:
    """Cut the snippets of a neuron, and of another one of its layer."""
    texts = list(islice(cleaned(open_source(corpus)), stories))
    return neuron_snippets(checkpoint, texts, layer, neuron)
