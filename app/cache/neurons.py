"""Cached neuron indexes: built ones on disk, or else of the shipped stories."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
from jaxtyping import Float

from app.cache.checkpoints import checkpoint, key, of_checkpoint
from slm.errors import BadInput
from slm.interp.neurons import bands as neuron_bands
from slm.interp.neurons import logits as neuron_logits
from slm.interp.neurons import search as neuron_search
from slm.interp.neurons.activations import Example, activations
from slm.interp.neurons.bands import BandExample
from slm.interp.neurons.index import MANIFEST, Index, index_path, open_index, shipped_index
from slm.interp.neurons.logits import Writes
from slm.interp.neurons.search import FoundNeuron
from slm.interp.neurons.top_tokens import TokenValues, TopToken, token_values
from slm.interp.neurons.top_tokens import top_tokens_json as tokens_json
from slm.runs import Checkpoint

EXAMPLES = 10
"""How many places a page shows of a neuron."""
FOUND = 25
"""How many neurons a search shows."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Known:
    """An index; `built` says that it is one on disk, `complaint` what is wrong with the one there is."""

    index: Index
    built: bool
    complaint: str = ""


def index(address: str) -> Known:
    """Open the index of a checkpoint, or index the shipped stories where there is none."""
    return _index(*_key(address))


@st.cache_resource(max_entries=8, show_spinner="Reading the stories …")
def _index(address: str, changed: int, built: int) -> Known:
    model, complaint = checkpoint(address), ""
    if built:
        try:
            return Known(index=open_index(model), built=True)
        except BadInput as error:
            complaint = str(error)
    return Known(index=shipped_index(model), built=False, complaint=complaint)


def examples(address: str, layer: int, neuron: int, strongest: bool) -> list[Example]:
    """Find a neuron's top (or bottom) activations, the most extreme first."""
    return _examples(*_key(address), layer, neuron, strongest)


@st.cache_data(max_entries=256, show_spinner="Reading their stories …")
def _examples(
    address: str, changed: int, built: int, layer: int, neuron: int, strongest: bool
) -> list[Example]:
    known = _index(address, changed, built).index
    return known.top(checkpoint(address), layer, neuron, k=EXAMPLES, strongest=strongest)


def top_tokens(address: str, layer: int, neuron: int, k: int) -> tuple[int, list[TopToken]]:
    """Count the tokens read, and find a neuron's top tokens."""
    model, known, values = checkpoint(address), index(address).index, _token_values(*_key(address))
    return values.n_tokens, values.top(known, model, layer, neuron, k=k)


def top_tokens_json(address: str, layer: int, neuron: int, k: int) -> dict[str, object]:
    """Return `top_tokens` as plain values."""
    model, known, values = checkpoint(address), index(address).index, _token_values(*_key(address))
    top = values.top(known, model, layer, neuron, k=k)
    return tokens_json(model, layer, neuron, known, values, top)


@st.cache_resource(max_entries=4, show_spinner="Reading the stories …")
def _token_values(address: str, changed: int, built: int) -> TokenValues:
    return token_values(checkpoint(address), _index(address, changed, built).index)


def band_examples(address: str, layer: int, neuron: int) -> list[BandExample]:
    """Pick one token from each band of a neuron's activations below the highest."""
    return _band_examples(*_key(address), layer, neuron)


@st.cache_data(max_entries=256, show_spinner="Reading their stories …")
def _band_examples(
    address: str, changed: int, built: int, layer: int, neuron: int
) -> list[BandExample]:
    known = _index(address, changed, built).index
    return neuron_bands.band_examples(checkpoint(address), known, layer, neuron)


@of_checkpoint(max_entries=16, waiting="Reading the stories …")
def first_neurons(
    checkpoint: Checkpoint, layer: int, neurons: int, places: int
) -> list[list[tuple[tuple[str, ...], float]]]:
    """Return the top activations of a layer's first neurons in the shipped stories.

    Each place is its token after the three before it, and its value; only where the neuron fires.
    """
    found, to_str_tokens = shipped_index(checkpoint), checkpoint.tokenizer.to_str_tokens
    rows: list[list[tuple[tuple[str, ...], float]]] = []
    for neuron in range(neurons):
        row = []
        for rank in range(places):
            at = (0, layer, neuron, rank)
            if found.value[at] > 0:
                tokens, position = found.tokens(int(found.story[at])), int(found.position[at])
                words = to_str_tokens(tokens[max(1, position - 3) : position + 1] or tokens[:1])
                row.append((tuple(words), float(found.value[at])))
        rows.append(row)
    return rows


def rarest(address: str) -> list[FoundNeuron]:
    """Find the neurons that fire least often."""
    return _found(*_key(address), False)


def selective(address: str) -> list[FoundNeuron]:
    """Find the neurons whose top activations are on one token."""
    return _found(*_key(address), True)


@st.cache_data(max_entries=32, show_spinner="Looking at every neuron …")
def _found(address: str, changed: int, built: int, selective: bool) -> list[FoundNeuron]:
    search = neuron_search.most_selective if selective else neuron_search.rarest
    return search(_index(address, changed, built).index, checkpoint(address), k=FOUND)


def by_word(address: str, word: str) -> list[FoundNeuron]:
    """Find neurons whose top activations are on a word (with the space before it, if that is a token)."""
    return _by_word(*_key(address), word)


@st.cache_data(max_entries=64, show_spinner="Looking at every neuron …")
def _by_word(address: str, changed: int, built: int, word: str) -> list[FoundNeuron]:
    model, known = checkpoint(address), _index(address, changed, built).index
    try:
        spaced = word if word.startswith(" ") else f" {word}"
        return neuron_search.by_token(known, model, spaced, k=FOUND)
    except BadInput:
        return neuron_search.by_token(known, model, word, k=FOUND)


def around_token(address: str, tokens: tuple[int, ...], position: int) -> list[FoundNeuron]:
    """Find neurons that fire at a token of a text, those that are rarely as high first."""
    return _around_token(*_key(address), tokens, position)


@st.cache_data(max_entries=64, show_spinner="Comparing with the corpus …")
def _around_token(
    address: str, changed: int, built: int, tokens: tuple[int, ...], position: int
) -> list[FoundNeuron]:
    known = _index(address, changed, built).index
    return neuron_search.by_place(known, checkpoint(address), tokens, position, k=FOUND)


@of_checkpoint(max_entries=16, waiting="Reading the text …")
def text_activations(
    checkpoint: Checkpoint, tokens: tuple[int, ...]
) -> Float[np.ndarray, "layer pos neuron"]:
    """Compute every neuron's `ranked_hook` along a text."""
    (found,) = activations(checkpoint, [tokens])
    return found.numpy()


@of_checkpoint(max_entries=256, waiting="Reading its weights …")
def neuron_writes(checkpoint: Checkpoint, layer: int, neuron: int) -> Writes:
    """Return the tokens whose logits a neuron raises and lowers most."""
    return neuron_logits.writes(checkpoint, layer, neuron)


def _key(address: str) -> tuple[str, int, int]:
    """Return an address, when its weights changed, and when its index was built (0: not built)."""
    path = index_path(checkpoint(address)) / MANIFEST
    return *key(address), path.stat().st_mtime_ns if path.exists() else 0
