"""What the word loses without each part: every head at once, every neuron of a layer while one waits."""

from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from app import cache, show
from app.figures.predictions import bars, by_head
from app.predicting.asked import Asked
from app.predicting.views import MOST
from app.sweep import Sweep
from slm.lens.ablation import DRAWS, NeuronAblation, Replacement, ablating_neurons

SAID: dict[Replacement, str] = {
    "mean": "by its mean over the shipped stories",
    "zero": "by zeros",
    "resample": f"by what it says at that place of another shipped story, averaged over {DRAWS}",
}
KEPT = 6  # sweeps that a session remembers

Key = tuple[str, tuple[int, ...], int, Replacement]
Rewrite = Callable[[str], None]
"""Told of a part (`2.3`, `1.n17`) without which the story is to be written again."""


def switched_off(
    asked: Asked, replacement: Replacement, layer: int | None, rewrite: Rewrite
) -> None:
    """What the word loses without each head, and without each neuron of a layer."""
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
        on_pick=pick,
    )
    if layer is None:
        return
    if layer >= (layers := cache.checkpoint(asked.address).config.n_layers):
        st.info(f"This model has layers 0 to {layers - 1}, and no layer {layer}.")
        return
    sweep = sweep_of(asked, layer, replacement)
    sweep.wait(0.4)
    running = sweep.running
    st.fragment(watched, run_every=0.5 if running else None)(
        sweep, asked, layer, replacement, rewrite, running
    )


def sweep_of(asked: Asked, layer: int, replacement: Replacement) -> Sweep[NeuronAblation]:
    """The neurons of a layer being switched off, begun once; what is no longer looked at is stopped."""
    kept: dict[Key, Sweep[NeuronAblation]] = st.session_state.setdefault("sweeps", {})
    key = (asked.address, asked.prompt, layer, replacement)
    if key not in kept:
        for old in [old for old in kept if old[0] == asked.address and kept[old].running]:
            kept.pop(old).cancel()
        checkpoint = cache.checkpoint(asked.address)
        kept[key] = Sweep(lambda: ablating_neurons(checkpoint, asked.prompt, layer, replacement))
        for old in list(kept)[:-KEPT]:
            kept.pop(old).cancel()
    return kept[key]


def begin_again(sweep: Sweep[NeuronAblation]) -> None:
    """Forget what was stopped, so that it begins anew."""
    kept = st.session_state["sweeps"]
    for key in [key for key, other in kept.items() if other is sweep]:
        del kept[key]


def watched(
    sweep: Sweep[NeuronAblation],
    asked: Asked,
    layer: int,
    replacement: Replacement,
    rewrite: Rewrite,
    was_running: bool,
) -> None:
    """How far it is, or what was found."""
    if sweep.error:
        st.error(show.sentence(sweep.error))
    elif sweep.result is not None:
        neurons(sweep.result, asked, rewrite)
    elif sweep.cancelled:
        st.info("You stopped it.")
        if st.button(
            "Begin again", key=f"again-{asked.address}", on_click=begin_again, args=(sweep,)
        ):
            st.rerun()
    else:
        left = sweep.seconds_left
        st.progress(
            sweep.done,
            f"Switching off each neuron of layer {layer} … "
            + ("" if left is None else f"{show.duration(left)} left"),
        )
        if st.button("Stop", key=f"stop-neurons-{asked.address}"):
            sweep.cancel()
            st.rerun()
    if was_running and not sweep.running:
        st.rerun()


def neurons(found: NeuronAblation, asked: Asked, rewrite: Rewrite) -> None:
    """The neurons without which the word changes most."""
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
        on_pick=lambda point: rewrite(f"{layer}.n{most[point['point_index']]}"),
    )
