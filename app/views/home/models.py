"""Models as cards: shape, loss, a sentence each wrote, its labels, a small picture of its heads."""

import base64
import re
from collections.abc import Sequence

import streamlit as st

from app import cache
from app.figures.attention import mosaic, png
from app.widgets import show
from slm.generation.fitting import story_that_fits
from slm.overview.records import Overview
from slm.runs import Metric, Run
from slm.text import visible

CARDS = 3
READ = 48
"""Tokens of the first shipped story that the picture of heads is of."""


def cards(runs: Sequence[Run]) -> None:
    """Show the best-known models as cards, those with an overview first."""
    able = [run for run in runs if run.steps]
    ordered = sorted(able, key=lambda run: (cache.overview(run.name) is None, -run.info.parameters))
    for place, run in zip(st.columns(CARDS, gap="medium"), ordered, strict=False):
        with place.container(border=True, height="stretch"), show.one_line():
            card(run)


def card(run: Run) -> None:
    """Show one model."""
    last, info = run.last_validation(), run.info
    st.markdown(f"**{show.plain(run.name)}**")
    st.caption(
        show.plain(
            f"{run.config.shape}, {show.count(info.parameters)} parameters, bits per byte {measured(last)}"
        )
    )
    if sentence := sentence_of(run):
        st.markdown(f"“{show.plain(sentence)}”")
    address = f"{run.name}@{run.last_step}"
    st.image(
        heads_picture(address, show.colours().sequential),
        width="stretch",
        alt=f"where each head of {address} looks in a story, a row a layer",
    )
    st.caption(show.plain(known_of(cache.overview(address))))
    st.page_link("../pages/attention.py", label="Look inside", query_params={"a": run.name})


def known_of(overview: Overview | None) -> str:
    """Say the labels of its heads in a sentence."""
    if overview is None:
        return "Its heads on a story. Their labels are not measured yet."
    strongest = overview.heads.strongest()
    with_label = len({(one.layer, one.head) for one in overview.heads.confirmed})
    told = ", ".join(f"{name} ({one.layer}.{one.head})" for name, one in strongest.items())
    return (
        f"Its heads on a story. {with_label} of {overview.heads.count} have a confirmed label"
        + (f": {told}" if told else "")
        + "."
    )


def sentence_of(run: Run) -> str:
    """Return the first sentences of its last sample; empty where it has none."""
    samples = run.samples()
    if not samples:
        return ""
    text = visible(f"{samples[-1]['prompt']}{samples[-1]['text']}".replace("\n", " "))
    end = re.search(r"[.!?][\"”]?(?=\s|$)", text[60:])
    return text[: 60 + end.end()][:220] if end else text[:220]


def measured(last: Metric | None) -> str:
    """Format bits per byte (lower is better); imported models have none at first."""
    if last is None or last.val_bits_per_byte is None:
        return "not measured yet"
    return f"{last.val_bits_per_byte:.3f}"


@st.cache_data(max_entries=32, show_spinner=False)
def heads_picture(address: str, colours: tuple[str, ...]) -> str:
    """Draw every head's attention on the first shipped story as a PNG data URL, a row per layer."""
    checkpoint = cache.checkpoint(address)
    text = story_that_fits([checkpoint], next(iter(cache.shipped_stories().values()))).text
    pattern = cache.attention(address, text).pattern[:, :, :READ, :READ]
    image, _ = mosaic(pattern, min(8, pattern.shape[1]))
    return f"data:image/png;base64,{base64.b64encode(png(image, colours)).decode()}"
