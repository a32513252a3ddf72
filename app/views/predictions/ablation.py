"""Ablation effects on the word: every head at once, every neuron of a layer in the background."""

from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from app import cache, commands
from app.figures.predictions import bars, by_head
from app.jobs import waiting
from app.views.predictions.logits import MOST
from app.views.predictions.target import Asked
from app.widgets import show
from slm.interp.predictions.ablation import (
    DRAWS,
    HeadAblation,
    NeuronAblation,
    Replacement,
    ablating_neurons,
)

SAID: dict[Replacement, str] = {
    "mean": "by its mean over the shipped stories",
    "zero": "by zeros",
    "resample": f"by what it says at that place of another shipped story, averaged over {DRAWS}",
}
Rewrite = Callable[[str], None]
"""Told of a part (`2.3`, `1.n17`) without which the story is to be written again."""


def switched_off(
    asked: Asked, replacement: Replacement, layer: int | None, rewrite: Rewrite
) -> None:
    """Show the word's ablation effect of each head, and of each neuron of a layer."""
    found = cache.without_heads(asked.address, asked.prompt, replacement)

    def pick(point: dict[str, Any]) -> None:
        at, head = point["customdata"]
        rewrite(f"{at}.{head}")

    show.figure(
        by_head(found.loss, show.colours(), "nats"),
        name=f"without-{asked.address}-token{asked.at}-{found.replacement}",
        note=f"{asked.address}: how much less likely the word is (log-probability in nats; it has "
        f"{found.whole:.2f}) when blocks.L.attn.hook_z of one head is replaced "
        f"everywhere: {SAID[found.replacement]}. Click a head to write the story again without it",
        table=lambda: show.csv(
            ("layer", "head", "nats lost"),
            ((*place, f"{value:.6f}") for place, value in np.ndenumerate(found.loss)),
        ),
        everything=lambda: found,
        command=commands.ablate(asked.address, asked.before, asked.target, found.replacement),
        on_pick=pick,
    )
    if layer is None:
        return
    if layer >= (layers := cache.checkpoint(asked.address).config.n_layers):
        st.info(f"This model has layers 0 to {layers - 1}, and no layer {layer}.")
        return
    checkpoint = cache.checkpoint(asked.address)
    all_off = waiting.latest(
        "neurons",
        asked.address,
        (asked.prompt, layer, replacement),
        lambda: ablating_neurons(checkpoint, asked.prompt, layer, replacement),
    )
    if all_off is not None:
        neurons(all_off, found, asked, rewrite)


def neurons(found: NeuronAblation, heads: HeadAblation, asked: Asked, rewrite: Rewrite) -> None:
    """Show the neurons with the largest ablation effects."""
    layer = found.layer
    most = np.argsort(-np.abs(found.loss))[:MOST]
    most = most[np.argsort(-found.loss[most])]
    show.figure(
        bars([f"neuron {n}" for n in most], found.loss[most].tolist(), show.colours(), "nats lost"),
        name=f"without-neurons-{asked.address}-token{asked.at}-layer{layer}-{found.replacement}",
        note=f"{asked.address}: the {len(most)} neurons of layer {layer} without which the word "
        f"changes most (blocks.{layer}.mlp.hook_post, {SAID[found.replacement]}). Click one to write "
        "the story again without it",
        table=lambda: show.csv(("neuron", "nats lost"), enumerate(found.loss.tolist())),
        everything=lambda: {**heads.to_json(), "neurons": found.to_json()},
        command=commands.ablate(
            asked.address, asked.before, asked.target, found.replacement, layer
        ),
        on_pick=lambda point: rewrite(f"{layer}.n{most[point['point_index']]}"),
    )
