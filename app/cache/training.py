"""Cached training speed, and previews of corpora."""

import threading

import streamlit as st
import torch

from app.cache.checkpoints import checkpoint
from slm.model.config import ModelConfig
from slm.recipe import Recipe
from slm.stories.preview import Preview
from slm.stories.preview import preview as look_at
from slm.training.device import choose_device
from slm.training.throughput import Throughput, measure_throughput

ALL_THREADS = torch.get_num_threads()
torch.set_num_threads(1)
# A token of a tiny model is too little work to share: beside a training, two threads that wait for
# each other wrote 28 tokens a second where one wrote 2,200. A measurement takes them all.

_MEASURING = threading.Lock()


def speed(config: ModelConfig, recipe: Recipe) -> Throughput:
    """Measure the training speed of a shape on this machine, for two seconds the first time."""
    return _speed(config, recipe)


@st.cache_data(max_entries=64, show_spinner="Timing a few steps on this machine …")
def _speed(config: ModelConfig, recipe: Recipe) -> Throughput:
    with _MEASURING:  # two measurements at once would each see half a machine
        torch.set_num_threads(ALL_THREADS)
        try:
            return measure_throughput(config, recipe, device=choose_device("auto"))
        finally:
            torch.set_num_threads(1)


@st.cache_data(max_entries=16, show_spinner="Reading the first stories …")
def preview(corpus: str, vocabulary: int, parent: str = "") -> Preview:
    """Return the first stories of a corpus, cleaned and cut, in a parent's tokens where there is one."""
    tokenizer = checkpoint(parent).tokenizer.to_json() if parent else ""
    return look_at(corpus, vocabulary, tokenizer=tokenizer)
