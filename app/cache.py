"""The only place for Streamlit's caches. Everything is keyed by address strings, never by objects.

A checkpoint's file may be replaced under the same address (a run deleted and trained anew), so the
time of its last change is part of every key. Models are shared by all sessions and only ever read.
"""

import threading
from typing import TYPE_CHECKING

import streamlit as st
import torch

from slm.lens import attention as attention_lens
from slm.lens import neurons as neuron_lens
from slm.lens import prediction as prediction_lens
from slm.lens.ablation import (
    HeadAblation,
    NeuronAblation,
    Replacement,
    ablate_heads,
    ablate_neurons,
)
from slm.lens.attention import AttentionView
from slm.lens.attribution import Attribution, attribute
from slm.lens.logit_lens import LogitLens
from slm.lens.logit_lens import logit_lens as logit_lens_of
from slm.lens.neurons import Example
from slm.lens.prediction import Expectations
from slm.lens.trust import Check, check
from slm.lens.trust import facts as facts_of
from slm.model.config import ModelConfig
from slm.runs import Address, Checkpoint, load_checkpoint, resolve
from slm.stories import shipped
from slm.training.job import Speed, measure

if TYPE_CHECKING:
    from slm.judging.grades import Item

ALL_THREADS = torch.get_num_threads()
torch.set_num_threads(1)
# A token of a tiny model is too little work to share: beside a training, two threads that wait for
# each other wrote 28 tokens a second where one wrote 2,200. A measurement takes them all.

EXAMPLES = 10
"""How many places a page shows of a neuron."""


def checkpoint(address: str) -> Checkpoint:
    """The model at `address`, loaded once for all sessions."""
    return _checkpoint(*_key(address))


def attention(address: str, text: str) -> AttentionView:
    """Where every head looks in `text`."""
    return _attention(*_key(address), text)


def examples(
    address: str, layer: int, neuron: int, texts: tuple[str, ...], strongest: bool
) -> list[Example]:
    """The places in `texts` that excite a neuron most, or least; the most extreme first."""
    return _examples(*_key(address), layer, neuron, texts, strongest)


def speed(config: ModelConfig) -> Speed:
    """What training this shape costs on this machine, measured for two seconds the first time."""
    return _speed(config)


def _key(address: str) -> tuple[str, int]:
    run, step = resolve(address)
    return str(Address(run.name, step)), run.checkpoint_path(step).stat().st_mtime_ns


@st.cache_resource(max_entries=8, show_spinner="Loading the model …")
def _checkpoint(address: str, changed: int) -> Checkpoint:
    return load_checkpoint(address)


@st.cache_data(max_entries=32, show_spinner="Reading the story …")
def _attention(address: str, changed: int, text: str) -> AttentionView:
    return attention_lens.attention(_checkpoint(address, changed), text)


@st.cache_data(max_entries=256, show_spinner="Reading the stories …")
def _examples(
    address: str, changed: int, layer: int, neuron: int, texts: tuple[str, ...], strongest: bool
) -> list[Example]:
    return neuron_lens.examples(
        _checkpoint(address, changed),
        texts,
        layer=layer,
        neuron=neuron,
        k=EXAMPLES,
        strongest=strongest,
    )


def to_grade(address: str, openings: tuple[str, ...], samples: int) -> list["Item"]:
    """Stories for a judge to read: the same for the same checkpoint and openings."""
    return _to_grade(*_key(address), openings, samples)


@st.cache_data(max_entries=32, show_spinner="Writing the stories …")
def _to_grade(address: str, changed: int, openings: tuple[str, ...], samples: int) -> list["Item"]:
    from slm.judging.grading import items  # imports openai, which only the grading page needs

    return items(_checkpoint(address, changed), openings, samples)


_MEASURING = threading.Lock()


@st.cache_data(max_entries=64, show_spinner="Timing a few steps on this machine …")
def _speed(config: ModelConfig) -> Speed:
    with _MEASURING:  # two measurements at once would each see half a machine
        torch.set_num_threads(ALL_THREADS)
        try:
            return measure(config, batch=16)
        finally:
            torch.set_num_threads(1)


@st.cache_data(max_entries=1)
def shipped_stories() -> dict[str, str]:
    """Title to text of the stories that ship with the package."""
    return {story.title: story.text for story in shipped.stories()}


@st.cache_data(max_entries=1)
def shipped_openings() -> tuple[str, ...]:
    """The beginnings that ship with the package."""
    return shipped.openings()


def pieces(address: str, tokens: tuple[int, ...]) -> list[str]:
    """The printable strings of tokens."""
    return checkpoint(address).tokenizer.pieces(tokens)


def expectations(address: str, text: str) -> Expectations:
    """What was expected at every place of `text`."""
    return _expectations(*_key(address), text)


@st.cache_data(max_entries=64, show_spinner="Reading the story …")
def _expectations(address: str, changed: int, text: str) -> Expectations:
    return prediction_lens.expectations(_checkpoint(address, changed), text)


def logit_lens(address: str, tokens: tuple[int, ...]) -> LogitLens:
    """What every stage of the model would say along `tokens`."""
    return _logit_lens(*_key(address), tokens)


@st.cache_data(max_entries=32, show_spinner="Asking every layer …")
def _logit_lens(address: str, changed: int, tokens: tuple[int, ...]) -> LogitLens:
    return logit_lens_of(_checkpoint(address, changed), tokens)


def attribution(address: str, tokens: tuple[int, ...]) -> Attribution:
    """The logit of the last of `tokens`, part by part."""
    return _attribution(*_key(address), tokens)


@st.cache_data(max_entries=64, show_spinner="Taking the prediction apart …")
def _attribution(address: str, changed: int, tokens: tuple[int, ...]) -> Attribution:
    return attribute(_checkpoint(address, changed), tokens[:-1], tokens[-1])


def without_heads(address: str, tokens: tuple[int, ...], replacement: Replacement) -> HeadAblation:
    """What the last of `tokens` loses without each head."""
    return _without_heads(*_key(address), tokens, replacement)


@st.cache_data(max_entries=64, show_spinner="Switching off every head …")
def _without_heads(
    address: str, changed: int, tokens: tuple[int, ...], replacement: Replacement
) -> HeadAblation:
    return ablate_heads(_checkpoint(address, changed), tokens, replacement)


def without_neurons(
    address: str, tokens: tuple[int, ...], layer: int, replacement: Replacement
) -> NeuronAblation:
    """What the last of `tokens` loses without each neuron of a layer."""
    return _without_neurons(*_key(address), tokens, layer, replacement)


@st.cache_data(max_entries=64, show_spinner="Switching off every neuron …")
def _without_neurons(
    address: str, changed: int, tokens: tuple[int, ...], layer: int, replacement: Replacement
) -> NeuronAblation:
    return ablate_neurons(_checkpoint(address, changed), tokens, layer, replacement)


def checks(address: str) -> list[Check]:
    """Whether what pages show of a model is true."""
    return _checks(*_key(address))


@st.cache_data(max_entries=16, show_spinner="Checking …")
def _checks(address: str, changed: int) -> list[Check]:
    return check(_checkpoint(address, changed), next(iter(shipped_stories().values())))


def facts(address: str) -> dict[str, str]:
    """What a model is made of: its parameters by part, and hashes."""
    return _facts(*_key(address))


@st.cache_data(max_entries=16)
def _facts(address: str, changed: int) -> dict[str, str]:
    return facts_of(_checkpoint(address, changed))
