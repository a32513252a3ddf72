"""Controls for what is looked at in a model: story, token, head, neuron, sampling."""

import re
from collections.abc import Callable

import streamlit as st

from app import cache
from app.state import AttentionState, Linked, NeuronsState, Shared
from app.terms import help_of
from app.widgets import models, show
from slm.errors import BadInput
from slm.generation.fitting import FittedText, story_that_fits, typed
from slm.generation.sampler import Sampling
from slm.model.config import ModelConfig

OWN = "My own text"
FIRST_WORDS, FIRST_TEXT = "Once upon a time", "Once upon a time, there was a fox."
"""What stands in a field for a text of one's own before anything was typed."""
TOKEN = 12


def story() -> FittedText:
    """Return a shipped story, cut to what the models can read, or the reader's own text."""
    shipped = cache.shipped_stories()
    title = st.selectbox("Story", [*shipped, OWN], **Shared.story.bound)
    return own_text() if title == OWN else _ours(shipped[title])


def _ours(text: str) -> FittedText:
    """Return a shipped text, cut to what the models can read; stops the page where that is nothing."""
    try:
        return story_that_fits(models.readers(), text)
    except BadInput as error:
        st.info(show.sentence(str(error)))
        st.stop()


def own_text() -> FittedText:
    """Return the reader's own text; until there is one, a shipped text."""
    written = st.text_area("Your text", FIRST_TEXT, **Shared.text.bound, max_chars=2000, height=90)
    return _ours(FIRST_TEXT) if written == FIRST_TEXT else typed(written or "")


def head(config: ModelConfig) -> tuple[int, int]:
    """Return layer and head; neither has a default, so that a link names both, 0 too."""
    layer = _number("Layer", config.n_layers, Shared.layer, "layer")
    return layer, _number("Head", config.n_heads, Shared.head, "attention head")


def _number(label: str, count: int, control: Linked[int], term: str) -> int:
    chosen = st.selectbox(
        label,
        range(count),
        index=None,
        placeholder="0",
        **control.bound,
        width=90,
        help=help_of(term),
    )
    return chosen or 0


def more_heads(config: ModelConfig) -> list[tuple[int, int]]:
    """Return the heads to show beside the chosen one, as (layer, head); written `layer.head`."""
    every = [f"{at}.{head}" for at in range(config.n_layers) for head in range(config.n_heads)]
    chosen = st.multiselect(
        "More heads",
        every,
        **AttentionState.more_heads.bound,
        placeholder="no other head",
        width=190,
    )
    return [(int(at), int(head)) for at, head in (name.split(".") for name in chosen)]


def choose_head(layer: int, head: int) -> None:
    """Choose a head (from a widget's callback)."""
    Shared.layer.set(layer)
    Shared.head.set(head)


def token_field(on_change: Callable[[], None] | None = None) -> None:
    """Show the field of the token that is asked about."""
    st.number_input(
        "Token",
        0,
        None,
        TOKEN,
        1,
        **Shared.token.bound,
        width=124,
        help=help_of("token", also="Or click one in the story."),
        on_change=on_change,
    )


def token(length: int) -> int:
    """Return the chosen token's position in a story of so many."""
    return min(_chosen_token(), length - 1)


def _chosen_token() -> int:
    chosen = Shared.token.get()
    return TOKEN if chosen is None else int(chosen)


def neuron(config: ModelConfig) -> tuple[int, int]:
    """Return layer and neuron, as `head`; the neuron's field steps to its neighbours."""
    layer = _number("Layer", config.n_layers, NeuronsState.layer, "layer")
    chosen = st.number_input(
        f"Neuron (0 to {config.d_mlp - 1})",
        0,
        config.d_mlp - 1,
        None,
        1,
        placeholder="0",
        **Shared.neuron.bound,
        width=170,
    )
    return layer, int(chosen or 0)


def choose_neuron(layer: int, neuron: int) -> None:
    """Choose a neuron (from a widget's callback)."""
    NeuronsState.layer.set(layer)
    Shared.neuron.set(neuron)


def layer_and_neuron(written: str, n_layers: int, d_mlp: int) -> tuple[int, int]:
    """Parse layer and neuron from `2.933`; raises `BadInput` where there is no such neuron."""
    found = re.fullmatch(r"(\d{1,4})\.(\d{1,6})", written.strip())
    if found is None or int(found[1]) >= n_layers or int(found[2]) >= d_mlp:
        raise BadInput(
            f"a neuron is written layer.neuron, from 0.0 to {n_layers - 1}.{d_mlp - 1}, "
            f"not {written!r}"
        )
    return int(found[1]), int(found[2])


def sampling(*, with_temperature: bool = True) -> Sampling:
    """Return the sampling settings; temperature and seed first, the rest behind "More"."""
    temperature = 1.0
    if with_temperature:
        temperature = st.slider(
            "Temperature",
            0.0,
            2.0,
            0.8,
            0.05,
            **Shared.temperature.bound,
            width=190,
            help=help_of("temperature"),
        )
    seed = st.number_input(
        "Seed", 0, show.LARGEST_SEED, 0, 1, **Shared.seed.bound, width=120, help=help_of("seed")
    )
    with st.popover("More"):
        tokens = st.number_input("At most so many tokens", 1, 2000, 200, 10, **Shared.tokens.bound)
        top_k = st.number_input(
            "Only the k likeliest tokens (0: all)", 0, 1000, 0, **Shared.top_k.bound
        )
        top_p = st.slider(
            "Only the likeliest tokens that make up this share",
            0.05,
            1.0,
            1.0,
            0.05,
            **Shared.top_p.bound,
        )
    return Sampling(
        temperature=temperature,
        top_k=top_k or None,
        top_p=top_p if top_p < 1 else None,
        max_tokens=tokens,
        seed=seed,
        alternatives=6,
    )
