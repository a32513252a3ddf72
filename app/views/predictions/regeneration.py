"""The story written again from the word on, with parts switched: what goes, what comes."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from app import cache, commands
from app.state import PredictionsState
from app.views.predictions.target import Asked
from app.widgets import show
from app.widgets.story_view import Shown, story_view
from slm.generation.sampler import Sampling
from slm.interp.predictions.intervention import (
    PAIRS,
    WordChange,
    parse_interventions,
)


def controls() -> str:
    """Choose the interventions."""
    return (
        st.text_input(
            "Switched parts",
            "",
            **PredictionsState.interventions.bound,
            max_chars=400,
            width=230,
            placeholder="2.1  1.n17=0  0.3=2.5",
            help="2.1 is head 1 of layer 2, 1.n17 is neuron 17 of layer 1: replaced by its mean over the "
            "shipped stories. With =0 it is silent, with =2.5 it speaks so many times as loud.",
        )
        or ""
    )


def rewritten(asked: Asked, parts: str, sampling: Sampling) -> None:
    """Show both stories, their difference, and how much of it another seed makes."""
    interventions = parse_interventions(parts)
    if not interventions:
        suggest(asked)
        return
    named = " ".join(map(str, interventions))
    found = cache.regenerated(asked.address, asked.before, named, sampling)
    before, after = found.words
    st.markdown("**The whole model** goes on")
    words(before, -1.0, key=f"whole-{asked.address}")
    st.markdown(f"**With {show.plain(named)}**, the same seed")
    words(after, 1.0, key=f"switched-{asked.address}")
    st.markdown(
        f"The switched model gives the first story **{found.surprisal_intervened:.2f}** bits a token, "
        f"the whole one **{found.surprisal:.2f}**. Of the words "
        f"**{found.kept.to_text('.0%')}** stay; between two seeds of the whole model, "
        f"{found.across_seeds.to_text('.0%')}."
    )
    name = f"rewritten-{asked.address}-token{asked.at}-seed{sampling.seed}"
    show.footer(
        name=name,
        note=f"{asked.address}: what follows token {asked.at - 1}, seed {sampling.seed}, temperature "
        f"{sampling.temperature:g}. Orange words go, blue words come. Shares: means over {PAIRS} "
        "pairs of stories, with 95 % intervals by bootstrap over them",
        table=lambda: show.csv(
            ("story", "word", "stays"),
            (
                (which, word.text, word.stays)
                for which, text in (("whole", before), ("switched", after))
                for word in text
            ),
        ),
        everything=lambda: found,
        command=commands.regenerate(asked.address, asked.before, named.split(), sampling),
    )


def suggest(asked: Asked) -> None:
    """Suggest what to intervene on, where nothing is chosen yet."""
    loss = cache.without_heads(asked.address, asked.prompt, "mean").loss
    layer, head = np.unravel_index(np.argmax(loss), loss.shape)
    st.info(
        "Name parts to switch, such as 2.1 (a head) or 1.n17=0 (a neuron), and the story is written "
        "again from the word on. A click on a head or neuron under \u201cAblation\u201d does the same."
    )
    st.button(
        f"Without the head this word needs most: {layer}.{head}",
        key=f"suggest-{asked.address}",
        on_click=lambda: PredictionsState.interventions.set(f"{layer}.{head}"),
    )


def words(text: Sequence[WordChange], colour: float, key: str) -> None:
    """Show a text with the changed words coloured."""
    story_view(
        [Shown(text=word.text, value=None if word.stays else colour) for word in text],
        key=key,
        label=("comes:", "goes:"),
        scale="which way",
        small=True,
    )
