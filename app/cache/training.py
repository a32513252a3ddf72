"""What training costs on this machine."""

import threading

import streamlit as st
import torch

from slm.model.config import ModelConfig
from slm.training.job import Speed, measure

ALL_THREADS = torch.get_num_threads()
torch.set_num_threads(1)
# A token of a tiny model is too little work to share: beside a training, two threads that wait for
# each other wrote 28 tokens a second where one wrote 2,200. A measurement takes them all.

_MEASURING = threading.Lock()


def speed(config: ModelConfig) -> Speed:
    """What training this shape costs on this machine, measured for two seconds the first time."""
    return _speed(config)


@st.cache_data(max_entries=64, show_spinner="Timing a few steps on this machine …")
def _speed(config: ModelConfig) -> Speed:
    with _MEASURING:  # two measurements at once would each see half a machine
        torch.set_num_threads(ALL_THREADS)
        try:
            return measure(config, batch=16)
        finally:
            torch.set_num_threads(1)
